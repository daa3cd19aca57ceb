"""What a run's line of progress says, from what shards write into their logs."""

import time
from types import SimpleNamespace

import pytest
from marginalization.commands.progress import Job, Screen, Tally, _unwrapped
from marginalization.jobs.logs import marginals_done, reason
from tqdm import tqdm


class Log:
    """A shard's log, with the bar of progress that shards write."""

    def __init__(self, path, total):
        self.path, self.file = path, open(path, "w")  # noqa: SIM115 - as long as the job runs
        self.bar = tqdm(total=total, unit="marginal", file=self.file, mininterval=0, ncols=100)

    def compute(self, n):
        self.bar.update(n)
        self.bar.refresh()
        self.file.flush()

    def close(self):
        self.bar.close()
        self.file.close()


@pytest.fixture
def log(tmp_path):
    log = Log(tmp_path / "shard.log", 1000)
    yield log
    log.close()


def job(log, rule="screen"):
    return Job(SimpleNamespace(rule_name=rule, log=[str(log.path)], wildcards={"model": "m", "job": "0of1"}))


def test_marginals_are_those_of_the_last_bar(log):
    assert marginals_done(log.path) == 0
    log.compute(300)
    log.compute(14)
    assert marginals_done(log.path) == 314
    log.bar.close()  # as a bar is when an error passes it
    print("Error: the disk is full\n", file=log.file, flush=True)
    assert reason(str(log.path)) == f"the disk is full ({log.path})"
    assert marginals_done(log.path.with_name("none.log")) is None


def test_the_rate_is_of_what_was_seen_to_be_computed(log):
    tally, screen = Tally(), Screen(marginals=4000, shards=4, report="report.html")
    assert tally.line(screen) == "reading the inputs"
    tally.total, tally.shards = 6, 2  # of four, two were done before
    log.compute(200)  # by an earlier attempt
    tally.begin(1, job(log))
    tally.begin(2, job(log, "merge"))
    tally.look()
    assert tally.line(screen) == "0 of 6 jobs done; now 1 screen, 1 merge"
    begin = time.monotonic()
    log.compute(300)
    tally.look()
    said = tally.line(screen)
    assert said.startswith("0 of 6 jobs done, 300 marginals, ")
    per_second = int(said.split(", ")[2].split()[0].replace(",", ""))
    assert per_second >= 300 / (time.monotonic() - begin + 1)
    assert "of them left" in said  # 1,500 of the two
    log.compute(500)
    tally.end(1)
    tally.done = 1
    ended = tally.line(screen)
    assert "1 of 6 jobs done, 800 marginals" in ended
    time.sleep(0.05)
    assert tally.line(screen) == ended  # the rate is that of the shards, whatever follows them


def test_errors_lose_what_snakemake_puts_around_them():
    place = 'file "/a/common.smk", line 43'
    wrapped = f"WorkflowError in {place}:\nconfig: no file x\n  {place.capitalize()}, in <module>"
    assert _unwrapped(wrapped) == "config: no file x"
    assert _unwrapped("plain") == "plain"
