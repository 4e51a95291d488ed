#!/usr/bin/env bash
# Makes a base image for the Dockerfile out of this machine, for where no registry can be reached:
#
#   scripts/local-base-image.sh [TAG]                  default: trestle-base:local
#   docker build --build-arg BASE_IMAGE=trestle-base:local .
#
# It holds Node, npm, busybox and the libraries that they need. It is for tests on this machine and not to be published.
# Needs docker, busybox (busybox-static of Debian) and a glibc system.
set -euo pipefail
tag=${1:-trestle-base:local}
root=$(cd "$(dirname "$0")/.." && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

node=$(readlink -f "$root/node_modules/node/bin/node")
npm=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
busybox=$(command -v busybox)
mkdir -p "$tree"/{bin,etc/ssl/certs,home/node,lib,proc,root,sys,usr/local/lib/node_modules,var}
ln -s ../bin "$tree/usr/bin"
ln -s ../../bin "$tree/usr/local/bin"
mkdir -m 1777 "$tree/tmp"

cp "$busybox" "$tree/bin/busybox"
for applet in $("$busybox" --list); do [ -e "$tree/bin/$applet" ] || ln -s busybox "$tree/bin/$applet"; done
cp "$node" "$tree/bin/node"
cp -r "$npm" "$tree/usr/local/lib/node_modules/npm"
ln -s ../usr/local/lib/node_modules/npm/bin/npm-cli.js "$tree/bin/npm"
ln -s ../usr/local/lib/node_modules/npm/bin/npx-cli.js "$tree/bin/npx"

# What node is linked to, and what glibc loads by itself to find names.
libraries=$(ldd "$node" | grep -o '/[^ ]*' | sort -u)
for library in $libraries $(ls /lib/*/libnss_{dns,files}.so.2 /lib/*/libresolv.so.2); do
  mkdir -p "$tree$(dirname "$library")"
  cp -L "$library" "$tree$library"
done

printf 'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000:node:/home/node:/bin/sh\n' > "$tree/etc/passwd"
printf 'root:x:0:\nnode:x:1000:\n' > "$tree/etc/group"
printf 'hosts: files dns\n' > "$tree/etc/nsswitch.conf"
# The certificates that this machine trusts, so that npm reaches the registry that it is set to.
cat "${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}" /etc/ssl/certs/ca-certificates.crt 2>/dev/null > "$tree/etc/ssl/certs/ca-certificates.crt" || true
chown -R 1000:1000 "$tree/home/node"

tar -C "$tree" -c . | docker import \
  --change 'ENV PATH=/usr/local/bin:/usr/bin:/bin' \
  --change 'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt' \
  --change "ENV npm_config_registry=$(npm config get registry)" \
  --change 'CMD ["node"]' \
  - "$tag" > /dev/null
echo "$tag"
