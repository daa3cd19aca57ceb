#!/usr/bin/env bash
# Install Chromium, as root on Debian or Ubuntu, for the tests of the report.
set -euo pipefail
command -v chromium > /dev/null || { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium; }
