#!/bin/sh
# Makes an authority of its own and certificates for servers and clients:
#
#   sh make.sh FOLDER NAME HOST[,HOST...] [NAME HOST[,HOST...] ...]
#
# FOLDER then holds ca.crt, ca.key and, for each NAME, NAME.crt (the certificate)
# and NAME.key. Every certificate has the common name that KurrentDB asks of its
# nodes; a HOST is a DNS name or an IPv4 address. What is there is kept, so that
# running it again adds what is missing. Keep ca.key apart: who has it can be any
# server.
set -eu
umask 077
[ $# -ge 3 ] && [ $(($# % 2)) = 1 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
folder=$1
shift
mkdir -p "$folder"
cd "$folder"
[ -e ca.key ] || openssl ecparam -name prime256v1 -genkey -noout -out ca.key
[ -e ca.crt ] || openssl req -x509 -new -key ca.key -sha256 -days 3650 -subj "/CN=dossier ledger authority" \
	-addext "basicConstraints=critical,CA:TRUE,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign" -out ca.crt
while [ $# -gt 0 ]; do
	name=$1 hosts=$2
	shift 2
	[ ! -e "$name.crt" ] || continue
	names=$(echo "$hosts" | tr , '\n' | sed -E 's/^([0-9]+\.){3}[0-9]+$/IP:&/; t; s/^/DNS:/' | paste -sd, -)
	# KurrentDB reads RSA keys alone.
	openssl req -new -newkey rsa:2048 -nodes -keyout "$name.key" -subj "/CN=eventstoredb-node" -out "$name.csr" 2>/dev/null
	printf '%s\n' "basicConstraints=critical,CA:FALSE" "keyUsage=critical,digitalSignature,keyEncipherment" \
		"extendedKeyUsage=serverAuth,clientAuth" "subjectAltName=$names" >"$name.ext"
	openssl x509 -req -in "$name.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -sha256 -days 365 -extfile "$name.ext" -out "$name.crt" 2>/dev/null
	rm "$name.csr" "$name.ext"
done
rm -f ca.srl
