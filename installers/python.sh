#!/usr/bin/env bash
# An interpreter for the checks that open our timelines with OpenTimelineIO itself, and with its adapters for other forms: target/python, made once.
set -euo pipefail
cd "$(dirname "$0")/.."
want="opentimelineio==0.18.* otio-cmx3600-adapter==1.0.* otio-fcpx-xml-adapter==1.0.*"
have=target/python/.installed
if [ "$(cat $have 2>/dev/null || true)" != "$want" ]; then
    echo "Making a Python environment for the tests in target/python: $want"
    rm -rf target/python
    mkdir -p target
    python3 -m venv target/python
    target/python/bin/pip install --quiet --disable-pip-version-check $want
    printf '%s\n' "$want" >$have
fi
