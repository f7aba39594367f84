#!/bin/sh
# Makes a virtual environment that holds exactly what the lock names, and this project in it.
#
#     sh requirements/install.sh .venv requirements/lock.txt
#
# uv comes first, alone and by its own hash, because it installs the rest in 4 s where pip takes
# 40 (measured, two cores). Where uv fails, for instance behind a mirror only pip knows, pip does it.
set -eu
venv=$1
lock=$2

runs() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null
}

# The first interpreter that really runs: a shim that only names a version does not count.
interpreter() {
    for each in ${PYTHON:-} python3.11 python3.12 python3.13 python3; do
        if runs "$each"; then
            echo "$each"
            return
        fi
    done
    echo "no Python 3.11, 3.12 or 3.13 was found; install one, or name it with PYTHON=..." >&2
    return 1
}

if ! runs "$venv/bin/python"; then
    python=$(interpreter)
    "$python" -m venv --clear "$venv"
fi
echo "installing the pinned packages into $venv ..."

pip() {
    "$venv/bin/python" -m pip --quiet --disable-pip-version-check "$@"
}

if ! "$venv/bin/uv" --version >/dev/null 2>&1; then
    alone=$venv/uv-alone.txt
    awk '/^uv==/ {on = 1} on {print} on && !/\\$/ {exit}' "$lock" >"$alone"
    pip install --require-hashes --only-binary :all: -r "$alone" || true
fi
if ! "$venv/bin/uv" pip sync --quiet --python "$venv/bin/python" --require-hashes \
    --only-binary :all: "$lock"; then
    echo "uv did not manage it; pip takes a little longer ..."
    pip install --require-hashes --only-binary :all: -r "$lock"
fi
pip install --no-deps --no-build-isolation -e .
