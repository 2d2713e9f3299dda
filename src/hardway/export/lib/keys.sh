# Keys and certificates, made by openssl in the folder $KEYS. What is there stays; a certificate is
# made again in the last third of its time.
# shellcheck shell=sh

# What `openssl genpkey -algorithm` takes.
algorithm=EC

# new_key FILE: a private key that nobody else may read
new_key() {
    mkdir -p "$KEYS/$(dirname "$1")"
    # shellcheck disable=SC2086 # several words on purpose
    (umask 077 && openssl genpkey -quiet -algorithm $algorithm -out "$KEYS/$1.new")
    mv "$KEYS/$1.new" "$KEYS/$1"
}

# authority NAME COMMON_NAME DAYS: a CA that signs leaves only
authority() {
    [ ! -e "$KEYS/$1/ca.crt" ] || return 0
    new_key "$1/ca.key"
    openssl req -x509 -new -sha256 -key "$KEYS/$1/ca.key" -days "$3" -subj "/CN=$2" \
        -addext "basicConstraints=critical,CA:true,pathlen:0" \
        -addext "keyUsage=critical,keyCertSign,cRLSign" -out "$KEYS/$1/ca.crt.new"
    mv "$KEYS/$1/ca.crt.new" "$KEYS/$1/ca.crt"
}

# certificate CA FILE SUBJECT DAYS USAGES [NAMES]: a certificate and its key, signed by a CA
certificate() {
    if [ -e "$KEYS/$2.crt" ] &&
        openssl x509 -in "$KEYS/$2.crt" -noout -checkend $(($4 * 86400 / 3)) >/dev/null; then
        return 0
    fi
    new_key "$2.key"
    case $algorithm in RSA*) encipher=,keyEncipherment ;; *) encipher= ;; esac
    cat >"$KEYS/$2.cnf" <<END
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature$encipher
extendedKeyUsage = $5
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
${6:+subjectAltName = $6}
END
    openssl req -new -key "$KEYS/$2.key" -subj "$3" |
        openssl x509 -req -sha256 -CA "$KEYS/$1/ca.crt" -CAkey "$KEYS/$1/ca.key" -days "$4" \
            -set_serial "0x$(openssl rand -hex 16)" -extfile "$KEYS/$2.cnf" \
            -out "$KEYS/$2.crt.new" 2>/dev/null
    rm "$KEYS/$2.cnf"
    mv "$KEYS/$2.crt.new" "$KEYS/$2.crt"
}

# signing_key NAME: a key pair that signs tokens, and its public half
signing_key() {
    [ ! -e "$KEYS/$1.pub" ] || return 0
    new_key "$1.key"
    openssl pkey -in "$KEYS/$1.key" -pubout -out "$KEYS/$1.pub.new"
    mv "$KEYS/$1.pub.new" "$KEYS/$1.pub"
}

# random_key NAME: 32 random bytes
random_key() {
    [ ! -e "$KEYS/$1" ] || return 0
    (umask 077 && openssl rand -out "$KEYS/$1.new" 32)
    mv "$KEYS/$1.new" "$KEYS/$1"
}

# fill TEMPLATE FILE: a copy in which each @base64:NAME@ is what is in $KEYS/NAME, in base64
fill() {
    mkdir -p "$(dirname "$2")"
    (
        umask 077
        # No secret is an argument: others on this host see the arguments of programs.
        grep -o '@base64:[^@]*@' "$1" | sort -u | while read -r mark; do
            name=${mark#@base64:}
            printf 's|%s|%s|g\n' "$mark" "$(base64 -w 0 <"$KEYS/${name%@}")"
        done | sed -f /dev/stdin "$1" >"$2.new"
    )
    mv "$2.new" "$2"
}
