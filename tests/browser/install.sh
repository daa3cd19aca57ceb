#!/usr/bin/env bash
# Install Chromium for the tests of the report, from Debian's packages, as root.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
command -v chromium > /dev/null && exit
apt-get update -qq
apt-get install -y -qq --no-install-recommends chromium > /dev/null
