service_named() {
    if systemctl is-active -q "$1"; then
        ok "service $1 runs"
    else
        bad "service $1 does not run" "systemctl restart $1; then journalctl -u $1"
    fi
}

check_registration() {
    if registered; then
        ok "registered with Systems Manager"
    else
        bad "not registered with Systems Manager" "hybrid-host join, with an activation of this site"
        return 0
    fi
    if systemctl is-active -q snap.amazon-ssm-agent.amazon-ssm-agent; then
        ok "service snap.amazon-ssm-agent.amazon-ssm-agent runs"
    else
        service_named amazon-ssm-agent
    fi
    if grep -qs -i 'fingerprint.*do.* not match\|hardware hash' /var/log/amazon/ssm/errors.log; then
        bad "the SSM agent sleeps: the machine's hardware fingerprint has changed" \
            "amazon-ssm-agent -fingerprint -similarityThreshold 1, restart it; or leave and join anew"
    fi
}

check_agent() {
    service_named docker
    service_named ecs
    agent=$(curl -s -m 5 --noproxy '*' http://localhost:51678/v1/metadata 2>/dev/null) || agent=
    case "$agent" in
        *"\"Cluster\":\"$CLUSTER\""*) ok "the ECS agent is a member of $CLUSTER" ;;
        "") bad "the ECS agent does not answer at localhost:51678" "look at /var/log/ecs/ecs-agent.log" ;;
        *) bad "the ECS agent is not a member of $CLUSTER" "hybrid-host leave, then join with this site's activation" ;;
    esac
    if ! grep -qsx "ECS_CLUSTER=$CLUSTER" "$CONFIG"; then
        bad "$CONFIG does not name $CLUSTER" "hybrid-host join writes it again; it needs no code"
    elif [ "$(sed -n 's/^ECS_CLUSTER=//p' "$CONFIG" | tail -n 1)" != "$CLUSTER" ]; then
        bad "the last ECS_CLUSTER in $CONFIG is another" "hybrid-host join writes it again; it needs no code"
    elif [ -n "$(settings_missing)" ]; then
        warn "$CONFIG lacks what this script sets: $(settings_missing)" \
            "hybrid-host join writes it again; it needs no code"
    else
        ok "$CONFIG"
    fi
}

# Settings that a later release of this script added, or that somebody took out.
settings_missing() {
    agent_settings | grep '=' | while read -r setting; do
        grep -qsxF -- "$setting" "$CONFIG" || printf '%s ' "${setting%%=*}"
    done
}

check_task_roles() {
    if [ "$(sysctl -n net.ipv4.conf.all.route_localnet 2>/dev/null)" != 1 ]; then
        bad "net.ipv4.conf.all.route_localnet is not 1: tasks get no credentials" "$SELF task-network"
    elif ! each_rule -C; then
        bad "a firewall took away the rules for 169.254.170.2: tasks get no credentials" "$SELF task-network"
    else
        ok "rules for task roles"
    fi
}

check_proxies() {
    [ -n "$PROXY" ] || return 0
    for unit in ecs docker amazon-ssm-agent; do
        if [ -f "/etc/systemd/system/$unit.service.d/hybrid-proxy.conf" ]; then
            ok "proxy of $unit"
        else
            bad "service $unit does not know the proxy" "hybrid-host join writes it again; it needs no code"
        fi
    done
}

check_codes_left() {
    for file in /etc/hybrid/activation.json /root/activation.json; do
        if [ -f "$file" ]; then
            warn "an activation is left in $file" "shred -u $file; then bin/hybrid sites rotate, or revoke it"
        fi
    done
}

doctor() {
    check_system
    check_tools
    check_room
    check_ec2
    check_registration
    check_agent
    check_task_roles
    check_proxies
    check_codes_left
    check_clock
    check_ways
    say ""
    say "$failures failure(s), $warnings warning(s)"
    [ "$failures" -eq 0 ]
}
