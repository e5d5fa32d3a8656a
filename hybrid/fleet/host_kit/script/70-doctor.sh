service_named() {
    if systemctl is-active -q "$1"; then
        ok "service $1 runs"
    else
        bad "service $1 does not run" "systemctl restart $1; then journalctl -u $1"
    fi
}

check_registration() {
    if registered; then
        ok "a registration with Systems Manager, $(node)"
    else
        bad "not registered with Systems Manager" "hybrid-host join, with an activation of this site"
        return 0
    fi
    service_named "$(ssm_unit)"
    check_identity warn
    check_registration_state
    check_hibernation
}

check_agent() {
    service_named docker
    check_docker_service
    service_named ecs
    agent=$(curl -s -m 5 --noproxy '*' http://localhost:51678/v1/metadata 2>/dev/null) || agent=
    case "$agent" in
        *"\"Cluster\":\"$CLUSTER\""*) ok "the ECS agent is a member of $CLUSTER" ;;
        "") bad "the ECS agent does not answer at localhost:51678" "look at /var/log/ecs/ecs-agent.log" ;;
        *) bad "the ECS agent is not a member of $CLUSTER" "hybrid-host leave, then join with this site's activation" ;;
    esac
    check_instance_state
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
        check_task_role_address
    fi
}

# The rules alone do not say that the address answers: route, another firewall, another program on the port.
check_task_role_address() {
    case "$(status_of http://127.0.0.1:51679/)" in
        000 | "") return 0 ;;
    esac
    case "$(status_of http://169.254.170.2/)" in
        000 | "")
            bad "169.254.170.2 does not answer on this machine: containers get no logs and end as CannotStartContainerError" \
                "$SELF task-network; if it stays, see whether a firewall rejects it: ip route get 169.254.170.2, iptables -S"
            ;;
        *) ok "169.254.170.2 answers" ;;
    esac
}

# What the services were started with, not what is written for their next start.
check_proxies() {
    [ -n "$PROXY" ] || return 0
    for unit in ecs docker "$(ssm_unit)"; do
        if [ ! -f "/etc/systemd/system/$unit.service.d/hybrid-proxy.conf" ]; then
            bad "service $unit does not know the proxy" "hybrid-host join writes it again; it needs no code"
        elif knows_proxy "$unit"; then
            ok "proxy of $unit"
        else
            bad "service $unit runs without the proxy, which was set after it had started" \
                "systemctl restart $unit; of Docker it ends the containers"
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
    check_ssm_settings bad
    check_proxies
    check_codes_left
    check_clock
    check_ways
    say ""
    say "$failures failure(s), $warnings warning(s)"
    [ "$failures" -eq 0 ]
}
