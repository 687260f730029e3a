# Shared by the scripts: where things are, and how they speak. Sourced, not run.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
venv=$root/.venv
uv_version=0.13.9

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# Runs the rest of the arguments only where the files that the first names have changed since the last time.
# unless_done STAMP "FILES..." COMMAND...
unless_done() {
  local stamp=$1 files=$2 now
  shift 2
  # shellcheck disable=SC2086  # a list of paths
  now=$(find $files -type f -not -path '*/node_modules/*' -not -path '*/__pycache__/*' -print0 2>/dev/null | sort -z | xargs -0 sha256sum | sha256sum)
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$now" ]; then return 0; fi
  "$@"
  mkdir -p "$(dirname "$stamp")"
  printf '%s\n' "$now" >"$stamp"
}
