# Sourced by scripts/demo and scripts/test: a virtual environment in .venv with tcli installed into it.
# Usage: setup_venv EXTRAS    (EXTRAS: "" or "[test]"). Works offline once it has run with the same pyproject.toml.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
unset PYTHONDONTWRITEBYTECODE PYTHONPATH

find_python() {
  for name in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
    if command -v "$name" >/dev/null && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
      echo "$name"; return
    fi
  done
  echo "tcli needs Python 3.11 or newer; set PYTHON to one" >&2
  exit 1
}

setup_venv() {
  local extras=$1 stamp want
  if [ ! -x .venv/bin/python ]; then
    "$(find_python)" -m venv .venv
  fi
  stamp=".venv/installed$extras"
  want=$(.venv/bin/python -c 'import hashlib; print(hashlib.sha256(open("pyproject.toml", "rb").read()).hexdigest())')
  if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$want" ]; then
    echo "installing tcli$extras into .venv ..." >&2
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".$extras"
    # Compiled once here, so that the first start is as fast as every other.
    .venv/bin/python -m compileall -q tcli >/dev/null || true
    echo "$want" > "$stamp"
  elif ! .venv/bin/python tcli/native/build.py --check; then
    # The C files have changed, or an installation found no compiler that is there now.
    .venv/bin/python tcli/native/build.py >&2 || true
  fi
}
