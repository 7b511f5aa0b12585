#!/usr/bin/env bash
# Runs in MongoDB's container, for compose.yaml. Without arguments it starts MongoDB with a login, on a Unix socket in
# a folder that the archive sees too, and on the container's own loopback, which leads nowhere. With `health` it makes
# what the first start needs, and succeeds when MongoDB takes writes.
set -euo pipefail
umask 077

data=${PARLOR_DATA:-/data/db}
meeting=${PARLOR_MEETING:-/meeting}
# The user `mongodb` of the image and its group.
owner=${PARLOR_OWNER:-999}
group=${PARLOR_GROUP:-999}

# A password of 256 bits, made once. It is whole before it has its name.
password() {
    if [ ! -s "$data/$1.password" ]; then
        head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' > "$data/$1.password.new"
        mv "$data/$1.password.new" "$data/$1.password"
    fi
    cat "$data/$1.password"
}

start() {
    # The socket is made here, and the archive finds the address here. Nobody else enters.
    chgrp "$group" "$meeting"
    chmod 0770 "$meeting"
    local parlor
    password admin > /dev/null
    parlor=$(password parlor)
    # A member of a replica set gives an address that leads nowhere from outside: the socket is the only way.
    echo "mongodb://parlor:$parlor@%2Fmeeting%2Fmongodb-27017.sock/parlor?directConnection=true&authSource=admin" \
        > "$meeting/uri.new"
    chgrp "$group" "$meeting/uri.new"
    chmod 0640 "$meeting/uri.new"
    mv "$meeting/uri.new" "$meeting/uri"
    # Replica sets with a login want a key for each other, also when there is no other.
    rm -f "$data/member.key"
    head -c 512 /dev/urandom | base64 -w 0 > "$data/member.key"
    chown "$owner" "$data/member.key"
    # The image's own start: goes on as the user `mongodb`.
    exec docker-entrypoint.sh mongod --replSet rs0 --keyFile "$data/member.key" --bind_ip 127.0.0.1 --port 27017 \
        --unixSocketPrefix "$meeting" --filePermissions 0770
}

health() {
    ADMIN_PASSWORD=$(password admin) PARLOR_PASSWORD=$(password parlor) \
        mongosh --quiet --norc 'mongodb://127.0.0.1:27017/?directConnection=true' --eval '
        const admin = db.getSiblingDB("admin");
        const isMember = (name, password) => { try { return admin.auth(name, password).ok === 1 } catch { return false } };
        if (db.hello().isreplicaset) {
            rs.initiate({ _id: "rs0", members: [{ _id: 0, host: "127.0.0.1:27017" }] });
        }
        if (!db.hello().isWritablePrimary) { quit(1) }
        if (isMember("parlor", process.env.PARLOR_PASSWORD)) { quit(0) }
        // The very first user may be made without a login, from here only.
        if (!isMember("admin", process.env.ADMIN_PASSWORD)) {
            admin.createUser({ user: "admin", pwd: process.env.ADMIN_PASSWORD, roles: ["root"] });
            admin.auth("admin", process.env.ADMIN_PASSWORD);
        }
        const roles = [{ role: "readWrite", db: "parlor" }];
        admin.createUser({ user: "parlor", pwd: process.env.PARLOR_PASSWORD, roles });
        quit(0)'
}

case "${1-start}" in
    start) start ;;
    health) health ;;
    *) echo "mongodb.sh: start or health, not $1" >&2; exit 2 ;;
esac
