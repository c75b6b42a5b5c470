#!/bin/sh
# Runs its arguments with a Python that can set the project up: CPython 3.11 to 3.13 with venv.
#
#   sh scripts/with-python.sh -m scripts.bootstrap test
#
# Every python3 in PATH is tried, then python3.13, python3.12 and python3.11. None is downloaded.
# ROUTSTR_PYTHON names one to use instead. -E -s: what the surroundings tell Python is ignored.

cd "$(dirname "$0")/.." || exit 1
unset PYTHONHOME PYTHONPATH

# Exit status 3: another version; 4: the right one, but Debian keeps venv in a package of its own.
probe='
import sys
version = sys.version_info[:2]
right = getattr(sys, "implementation", sys).__dict__.get("name") == "cpython"
if not right or not (3, 11) <= version <= (3, 13) or "t" in sys.abiflags:
    sys.stdout.write("%s is Python %s\n" % (sys.argv[1], sys.version.split()[0]))
    sys.exit(3)
try:
    from ensurepip import bootstrap
    import venv
except ImportError:
    sys.stdout.write("%d.%d\n" % version)
    sys.exit(4)
sys.stdout.write((getattr(sys, "_base_executable", "") or sys.executable) + "\n")
'
refused=''
venv_missing=''

# Tries the interpreter $1; does not return when it fits.
try() {
    [ -f "$1" ] && [ -x "$1" ] || return 0
    said=$("$1" -E -s -c "$probe" "$1" 2>/dev/null </dev/null)
    case $? in
        0) shift; exec "$said" -E -s "$@" ;;
        3) refused="$refused
  $said" ;;
        4) venv_missing=${venv_missing:-$said} ;;
    esac
}

# Tries every program named $1 in PATH.
try_all() {
    name=$1
    shift
    rest=$PATH:
    while [ -n "$rest" ]; do
        folder=${rest%%:*}
        rest=${rest#*:}
        try "${folder:-.}/$name" "$@"
    done
}

if [ -n "$ROUTSTR_PYTHON" ]; then
    try "$(command -v "$ROUTSTR_PYTHON")" "$@"
else
    for name in python3 python3.13 python3.12 python3.11; do
        try_all "$name" "$@"
    done
fi

as_root=''
[ "$(id -u)" = 0 ] || as_root='sudo '
if [ -n "$venv_missing" ]; then
    echo "Python $venv_missing is here, but without its venv module. Install it, then try again:"
    echo "  ${as_root}apt-get install python$venv_missing-venv"
else
    if [ -n "$ROUTSTR_PYTHON" ]; then
        echo "PYTHON=$ROUTSTR_PYTHON is not a CPython 3.11, 3.12 or 3.13 that runs.$refused"
    else
        echo "No CPython 3.11, 3.12 or 3.13 in PATH.$refused"
    fi
    echo "Install one, then try again:"
    if command -v apt-get >/dev/null; then
        echo "  ${as_root}apt-get install python3 python3-venv"
    elif command -v dnf >/dev/null; then
        echo "  ${as_root}dnf install python3.13"
    elif command -v brew >/dev/null; then
        echo "  brew install python@3.13"
    else
        echo "  the package python3.13 of your system"
    fi
fi >&2
exit 1
