#!/usr/bin/env bash
# The Open Job Description command line in target/openjd, made once: target/openjd/bin/openjd.
set -euo pipefail
cd "$(dirname "$0")/../.."
want="openjd-cli==0.8.*"
have=target/openjd/.installed
if [ "$(cat $have 2>/dev/null || true)" != "$want" ]; then
    echo "Making a Python environment for farm jobs in target/openjd: $want"
    rm -rf target/openjd
    mkdir -p target
    python3 -m venv target/openjd
    target/openjd/bin/pip install --quiet --disable-pip-version-check "$want"
    printf '%s\n' "$want" >$have
fi
