"""A SLURM of one node with two make-believe GPUs, for tests: its daemons are started here, without systemd.

The configuration has to be /etc/slurm/slurm.conf, because jobs started by Snakemake do not hand SLURM_CONF on.
"""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

CONF = Path("/etc/slurm")
RUN = Path("/run/marginalization-slurm")

SLURM_CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={run}/munge/socket
StateSaveLocation={run}/controller
SlurmdSpoolDir={run}/node
SlurmctldPidFile={run}/slurmctld.pid
SlurmdPidFile={run}/slurmd.pid
SlurmctldLogFile={run}/slurmctld.log
SlurmdLogFile={run}/slurmd.log
MailProg=/bin/true
ReturnToService=2
KillWait=20
MinJobAge=3600
MpiDefault=none
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SwitchType=switch/none
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=100
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""
# SLURM wants a device file for each GPU, and different ones.
GRES_CONF = "NodeName={host} Name=gpu File=/dev/null\nNodeName={host} Name=gpu File=/dev/zero\n"


# A small machine's share, and a signal that leaves some of the shortest time limit there is: SLURM looks at limits
# every half minute, and sends it up to that much earlier.
SMALL = [
    *("--default-resources", "slurm_account=test", "mem_mb=500", "runtime=10"),
    *("--set-resources", "screen:mem_mb=500", "screen:runtime=attempt", "screen:slurm_extra='--signal=TERM@5'"),
]


def missing() -> str | None:
    """Why there can be no cluster here, if so."""
    if not all(shutil.which(program) for program in ("slurmctld", "slurmd", "munged")):
        return "SLURM is not installed (tests/slurm/install.sh)"
    if os.geteuid() != 0:
        return "only root can start SLURM"
    if (CONF / "slurm.conf").exists() and not _left_behind():
        return "this machine has a SLURM of its own"
    return None


def _left_behind() -> bool:
    """Whether the configuration is that of earlier tests, which were killed."""
    return (CONF / "slurm.conf").exists() and str(RUN) in (CONF / "slurm.conf").read_text()


def start() -> None:
    """Start munge, the controller and the node, and wait until the node is idle."""
    host = socket.gethostname().split(".")[0]
    try:
        socket.gethostbyname(host)
    except OSError:
        with open("/etc/hosts", "a") as hosts:
            hosts.write(f"127.0.0.1 {host}\n")
    if _left_behind():
        stop()
    munge = RUN / "munge"
    shutil.rmtree(RUN, ignore_errors=True)
    for folder in (munge, RUN / "controller", RUN / "node", CONF):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
    (munge / "key").write_bytes(os.urandom(128))
    (munge / "key").chmod(0o600)
    for path in (munge, munge / "key"):
        shutil.chown(path, "munge", "munge")
    paths = [f"--{option}={munge / option.split('-')[0]}" for option in ("socket", "pid-file", "seed-file", "log-file")]
    _run("setpriv", "--reuid=munge", "--regid=munge", "--clear-groups", "munged", f"--key-file={munge}/key", *paths)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20 * 9 // 10
    (CONF / "slurm.conf").write_text(SLURM_CONF.format(host=host, run=RUN, cpus=os.cpu_count(), memory=memory))
    (CONF / "gres.conf").write_text(GRES_CONF.format(host=host))
    _run("slurmctld")
    _wait("scontrol", "ping")
    _run("slurmd")
    _wait("sh", "-c", "sinfo -h -N -o %T | grep -q idle")


def stop() -> None:
    """Cancel all jobs, stop the daemons, and take the configuration away."""
    subprocess.run("squeue -h -o %A | xargs -r scancel", shell=True, capture_output=True)
    time.sleep(1)
    for daemon in ("slurmd.pid", "slurmctld.pid", "munge/pid"):
        if (RUN / daemon).exists():
            subprocess.run(["kill", (RUN / daemon).read_text().strip()], capture_output=True)
    for name in ("slurm.conf", "gres.conf"):
        (CONF / name).unlink(missing_ok=True)


def _run(*command: str) -> None:
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    subprocess.run(command, check=True, env=environment)


def _wait(*command: str) -> None:
    for _ in range(300):
        if subprocess.run(command, capture_output=True).returncode == 0:
            return
        time.sleep(0.1)
    logs = "\n".join(path.read_text()[-1000:] for path in RUN.glob("*.log"))
    raise RuntimeError(f"{' '.join(command)} does not succeed:\n{logs}")
