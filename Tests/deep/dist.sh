#!/usr/bin/env bash
# Tries the archive of `make dist` in a bare Debian without Swift: inspects, converts, extracts, bakes and verifies the
# small model, reads the manual page's head, and says what the program needs.
#
#     Tests/deep/dist.sh .build/rtedit-VERSION-PLATFORM.tar.gz        needs root, debootstrap and the network
#
# SUITE chooses the Debian (bookworm), MIRROR where it comes from, ROOT one that is there already.
set -euo pipefail
archive=$(realpath "$1")
command -v debootstrap >/dev/null || { echo "dist.sh: debootstrap is missing" >&2; exit 77; }
if [[ -z ${ROOT:-} ]]; then
    ROOT=$(mktemp -d)
    trap 'rm -rf "$ROOT"' EXIT
    debootstrap --variant=minbase --include=libzstd1,libopenblas0 \
        "${SUITE:-bookworm}" "$ROOT" ${MIRROR:-} >/dev/null
fi
tar -C "$ROOT/usr/local" --strip-components 1 -xzf "$archive"
# Swift reads the command line from /proc; the mount goes with its name space.
unshare -m bash -c 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' "$ROOT" env -i PATH=/usr/local/bin:/usr/bin:/bin bash -euo pipefail <<'IN'
fail() { echo "dist.sh: $*" >&2; exit 1; }
if command -v swift; then fail "Swift is there"; fi
ldd /usr/local/bin/rtedit | sed 's/ (0x.*//'
if ldd /usr/local/bin/rtedit | grep -E 'not found|swift|Foundation|dispatch|stdc'; then
    fail "the program needs more than libc, libgcc, zstd and OpenBLAS"
fi
tiny=/usr/local/share/rtedit/samples/tiny
cd "$(mktemp -d)"
rtedit version --verbose
rtedit inspect "$tiny/tiny-mood.gguf" -q >/dev/null
rtedit convert "$tiny/tiny-mood.gguf" folder -q
rtedit convert folder back.gguf -q
rtedit diff "$tiny/tiny-mood.gguf" back.gguf -q >/dev/null
rtedit extract folder --pairs "$tiny/pairs.jsonl" -o v.gguf -q >/dev/null
rtedit bake folder baked.gguf --vector v.gguf:1@2 -q >/dev/null
rtedit verify folder baked.gguf --vector v.gguf:1@2 -q >/dev/null
head -c 10 /usr/local/share/man/man1/rtedit.1 | grep -q '^.TH RTEDIT'
bash -n /usr/local/share/bash-completion/completions/rtedit
IN
echo "dist.sh: $(basename "$archive") works in a bare Debian"
