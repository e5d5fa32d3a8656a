curl_options="-sS -m 15 --proto =https"

# AWS and the downloads go through the proxy, where there is one. By the environment alone: arguments of a program,
# those of `env` too, are shown to every user of the machine, and the proxy may have a password.
through_proxy() (
    if [ -n "$PROXY" ]; then
        http_proxy=$PROXY https_proxy=$PROXY HTTP_PROXY=$PROXY HTTPS_PROXY=$PROXY
        no_proxy=$NOT_THROUGH_PROXY NO_PROXY=$NOT_THROUGH_PROXY
        export http_proxy https_proxy HTTP_PROXY HTTPS_PROXY no_proxy NO_PROXY
    fi
    "$@"
)

fetch() {
    # shellcheck disable=SC2086 # options are several words
    through_proxy curl $curl_options -f -o "$2" "$1"
}

fetch_date() {
    # shellcheck disable=SC2086 # options are several words
    through_proxy curl $curl_options -I "$1" 2>/dev/null |
        tr -d '\r' | sed -n 's/^[Dd]ate: //p' | head -n 1
}

# Any answer of the other side will do: it says that name, route, proxy and TLS work.
# $3 is how much it matters: required, useful, or numbered (a required one whose number AWS chooses).
check_way() {
    status=0
    # shellcheck disable=SC2086 # options are several words
    reason=$(through_proxy curl $curl_options -o /dev/null "https://$1/" 2>&1 </dev/null) || status=$?
    if [ "$status" -eq 0 ]; then
        ok "way out to $1"
    elif [ "$status" -eq 60 ]; then
        bad "the certificate that $1 shows is not trusted here: $reason" \
            "a proxy inspects TLS: have it leave $1 alone, or put its authority into this machine's store (update-ca-certificates, update-ca-trust)"
    elif [ "$3" = useful ]; then
        warn "no way out to $1:443: $reason" "$2; if you want it, open outbound 443 to it${PROXY:+ on the proxy}"
    elif [ "$3" = numbered ] && [ "$status" -eq 6 ]; then
        # Only the ECS agent is told which numbers its Region has: an unknown name says nothing of the way.
        warn "the name $1 was not found, so the way to such names could not be tried" \
            "see that outbound 443 is open to the other numbers too: $2"
    else
        bad "no way out to $1:443: $reason" "open outbound 443 to it${PROXY:+ on the proxy}; $2"
    fi
}

check_ways() {
    while read -r need host use; do
        check_way "$host" "$use" "$need"
    done <<EOF
$ENDPOINTS
EOF
    check_inspection
}

# Trust of this machine is not trust of the containers, which have the authorities of their image; and the ECS agent
# that is given AWS_CA_BUNDLE ends at its start.
check_inspection() {
    # shellcheck disable=SC2086 # options are several words
    issuer=$(through_proxy curl $curl_options -v -o /dev/null "https://ssm.$REGION.$DOMAIN/" 2>&1 </dev/null |
        sed -n 's/^\* *issuer: //p' | head -n 1)
    case "$issuer" in
        "" | *Amazon* | *Starfield* | *DigiCert*) ;;
        *)
            warn "TLS to ssm.$REGION.$DOMAIN is inspected: its certificate is of $issuer" \
                "have the proxy leave *.$DOMAIN alone: containers do not know that authority, and their calls end in an error"
            ;;
    esac
    if grep -qs '^AWS_CA_BUNDLE=' "$CONFIG" /var/lib/ecs/ecs.config; then
        bad "AWS_CA_BUNDLE is set for the ECS agent, which ends at its start with it" \
            "take the line out of $CONFIG and /var/lib/ecs/ecs.config; put the authority into this machine's store"
    fi
}

check_install_ways() {
    check_way "$(host_of "$INSTALLER_URL")" "the installer is there" required
    check_way "$(host_of "$KEY_URL")" "the keys that verify signatures are there" required
    if docker_comes_from_docker; then
        check_way download.docker.com "Docker is installed from there" required
    fi
}

host_of() {
    rest=${1#https://}
    printf '%s' "${rest%%/*}"
}

# Containers find credentials at 169.254.170.2:80; the agent serves them at 127.0.0.1:51679.
# Source: Amazon ECS Developer Guide, "IAM roles for tasks", external instances. The last rule keeps
# the neighbourhood from reaching loopback addresses through route_localnet (CVE-2020-8558).
task_role_rules() {
    printf '%s\n' \
        "nat PREROUTING -p tcp -d 169.254.170.2 --dport 80 -j DNAT --to-destination 127.0.0.1:51679" \
        "nat OUTPUT -d 169.254.170.2 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 51679" \
        "filter INPUT -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP"
}

# each_rule -A|-D|-C: add where missing, delete where there, or tell whether all are there.
each_rule() {
    task_role_rules | while read -r table chain rule; do
        # shellcheck disable=SC2086 # a rule is several words
        case "$1" in
            -A) iptables -w -t "$table" -C "$chain" $rule 2>/dev/null || iptables -w -t "$table" -A "$chain" $rule ;;
            -D) while iptables -w -t "$table" -D "$chain" $rule 2>/dev/null; do :; done ;;
            -C) iptables -w -t "$table" -C "$chain" $rule 2>/dev/null || exit 1 ;;
        esac
    done
}

# Without a default route, as where a proxy is the only way out, the address would be unreachable from the machine
# itself before any rule is asked; Docker then gets no credentials for logs, and starts nothing. Where no route
# can be set, the doctor says whether the address answers all the same.
task_network() {
    sysctl -q -w net.ipv4.conf.all.route_localnet=1
    each_rule -A
    if has ip; then ip route replace 169.254.170.2/32 dev lo 2>/dev/null || :; fi
}

# The HTTP status of an address of the agent on this machine, or 000.
status_of() { curl -s -m 5 --noproxy '*' -o /dev/null -w '%{http_code}' "$1" 2>/dev/null || :; }
