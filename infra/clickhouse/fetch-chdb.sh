#!/bin/sh
# Gets the embedded ClickHouse engine (libchdb) for this machine into a directory.
#
#   fetch-chdb.sh DIR
#
# The library comes out of the npm package of the platform (178 MB packed, 566 MB
# unpacked), is checked against the SHA-256 pinned here, and is put in place by
# rename: an interrupted run leaves nothing half done. When the right library is
# already there, nothing is fetched. Progress goes to stderr; stdout stays empty.
#
# The hashes are the same as in chdb/library.go; a test holds the two together.
set -eu

VERSION=26.7.3-stable.1

fail() { echo "fetch-chdb: $*" >&2; exit 1; }

[ $# -eq 1 ] && [ -n "$1" ] || { echo "usage: fetch-chdb.sh DIR" >&2; exit 2; }
dir=$1

case "$(uname -s)-$(uname -m)" in
	Linux-x86_64 | Linux-amd64)
		platform=linux-x64-gnu
		file=libchdb.so
		sha256=36ad4e999882821ef13cf2d0f52c93f48e6ee1b4498b35a201c23ce4b8d15bf5
		;;
	*)
		# Elsewhere an operator can vouch for a build: its package's platform,
		# its file name and its hash.
		platform=${LEDGER_CHDB_PLATFORM:-}
		file=${LEDGER_CHDB_FILE:-libchdb.so}
		sha256=${LEDGER_CHDB_SHA256:-}
		[ -n "$platform" ] && [ -n "$sha256" ] || fail "no verified build of the embedded ClickHouse engine for $(uname -s) $(uname -m): use a ClickHouse server (set its DSN), or vouch for a build with LEDGER_CHDB_PLATFORM (such as linux-arm64-gnu) and LEDGER_CHDB_SHA256"
		;;
esac

if command -v sha256sum >/dev/null 2>&1; then
	hash_of() { sha256sum "$1" | cut -d ' ' -f 1; }
elif command -v shasum >/dev/null 2>&1; then
	hash_of() { shasum -a 256 "$1" | cut -d ' ' -f 1; }
else
	fail "neither sha256sum nor shasum is installed; the library cannot be checked"
fi

target=$dir/$file
# The stamp holds hash, size and time of change of the file it vouches for, so
# that a repeated run does not hash half a gigabyte.
stamp=$dir/$file.sha256
signature() { printf '%s %s' "$sha256" "$(ls -lnL "$target" | awk '{print $5, $6, $7, $8}')"; }

if [ -f "$target" ]; then
	if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(signature)" ]; then
		exit 0
	fi
	if [ "$(hash_of "$target")" = "$sha256" ]; then
		signature >"$stamp"
		exit 0
	fi
	echo "fetch-chdb: $target is not the expected build; fetching it again" >&2
fi

command -v npm >/dev/null 2>&1 || fail "npm is not installed; it is needed once, to fetch the embedded ClickHouse engine"

mkdir -p "$dir"
# Beside the target, so that the last step is a rename within one file system.
work=$(mktemp -d "$dir/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

echo "fetch-chdb: fetching @chdb/lib-$platform@$VERSION (178 MB)" >&2
(cd "$work" && npm pack --silent --no-audit --no-fund "@chdb/lib-$platform@$VERSION" >/dev/null) ||
	fail "npm could not fetch @chdb/lib-$platform@$VERSION; check the network and npm's settings, then run it again"
set -- "$work"/*.tgz
[ $# -eq 1 ] && [ -f "$1" ] || fail "npm pack left no archive"

echo "fetch-chdb: unpacking (566 MB)" >&2
tar -xzf "$1" -C "$work" "package/$file" || fail "the archive has no package/$file, or the disk is full"
rm -f "$1"

echo "fetch-chdb: checking" >&2
got=$(hash_of "$work/package/$file")
[ "$got" = "$sha256" ] || fail "the library's SHA-256 is $got, expected $sha256; it is not used"

chmod 0755 "$work/package/$file"
mv -f "$work/package/$file" "$target"
signature >"$stamp"
echo "fetch-chdb: $target is ready" >&2
