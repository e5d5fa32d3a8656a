failures=0
warnings=0

say() { printf '%s\n' "$*"; }
step() { printf '==> %s\n' "$*"; }
ok() { printf 'ok       %s\n' "$1"; }

warn() {
    warnings=$((warnings + 1))
    printf 'warning  %s\n         -> %s\n' "$1" "$2"
}

bad() {
    failures=$((failures + 1))
    printf 'FAILED   %s\n         -> %s\n' "$1" "$2"
}

stop() {
    printf 'hybrid-host: %s\n' "$2" >&2
    exit "$1"
}

has() { command -v "$1" >/dev/null 2>&1; }

# Never through `cat`, whose output a shell with -x would show.
destroy() {
    [ -f "$1" ] || return 0
    shred -u "$1" 2>/dev/null || rm -f "$1"
}
