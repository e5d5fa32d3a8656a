# Write a file only where it differs; says so. Content on standard input, mode in $2.
put() {
    fresh="$1.hybrid-new"
    mkdir -p "$(dirname "$1")"
    (umask 077 && cat >"$fresh")
    chmod "$2" "$fresh"
    if [ -f "$1" ] && cmp -s "$1" "$fresh"; then
        rm -f "$fresh"
    else
        mv "$fresh" "$1"
        say "wrote $1"
        changed=yes
    fi
}

# Source: Amazon ECS Developer Guide, "Amazon ECS container agent configuration". ECS may ask for one of the
# two CAPABLE ones before it places a container with `no-new-privileges` (Amazon ECS API Reference,
# ContainerDefinition); the agent does no more with them than to register them as attributes. A tag here is one
# image for ever, so what a host has is what the registry has: it is not asked at each start, and a line that is
# down stops nothing. The agent removes no images then (aws/amazon-ecs-agent 1.105, docker_image_manager.go);
# `clean-images` does.
agent_settings() {
    printf '%s\n' \
        "# hybrid-host begin" \
        "ECS_CLUSTER=$CLUSTER" \
        "ECS_INSTANCE_ATTRIBUTES=$ATTRIBUTES" \
        'ECS_AVAILABLE_LOGGING_DRIVERS=["json-file","awslogs"]' \
        "ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE=true" \
        "ECS_ENABLE_TASK_IAM_ROLE=true" \
        "ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST=true" \
        "ECS_SELINUX_CAPABLE=true" \
        "ECS_APPARMOR_CAPABLE=true" \
        "ECS_RESERVED_MEMORY=$RESERVED_MEMORY" \
        "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION=1h" \
        "ECS_IMAGE_PULL_BEHAVIOR=prefer-cached"
    if [ -n "$ECS_HOST" ]; then printf '%s\n' "ECS_BACKEND_HOST=$ECS_HOST"; fi
    if [ -n "$PROXY" ]; then
        printf '%s\n' "HTTP_PROXY=$PROXY" "HTTPS_PROXY=$PROXY" "NO_PROXY=$NOT_THROUGH_PROXY"
    fi
    printf '%s\n' "# hybrid-host end"
}

# Lines of others stay; a line of theirs for a setting of ours goes, because the last one wins.
write_agent_config() {
    theirs=
    if [ -f "$CONFIG" ]; then
        names=$(agent_settings | sed -n 's/=.*//p' | paste -s -d '|' -)
        theirs=$(sed '/^# hybrid-host begin$/,/^# hybrid-host end$/d' "$CONFIG" | grep -E -v "^($names)=" || :)
    fi
    { [ -z "$theirs" ] || printf '%s\n' "$theirs"; agent_settings; } | put "$CONFIG" 600
}

# Before the agent registers, which it does by these addresses. A file of the owner's is the owner's.
write_ssm_settings() {
    if [ -f "$SSM_CONFIG" ] && ! grep -q '"HybridHost"' "$SSM_CONFIG"; then return 0; fi
    if [ -n "$SSM_SETTINGS" ]; then
        before=$changed changed=no
        printf '%s\n' "$SSM_SETTINGS" | put "$SSM_CONFIG" 600
        if [ "$changed" = yes ] && registered; then systemctl restart "$(ssm_unit)" || :; fi
        [ "$changed" = yes ] || changed=$before
    elif [ -f "$SSM_CONFIG" ]; then
        rm -f "$SSM_CONFIG"
        say "removed $SSM_CONFIG"
        if registered; then systemctl restart "$(ssm_unit)" || :; fi
    fi
}

# Whether the agent was told the addresses, where the file is the owner's.
check_ssm_settings() {
    [ -n "$SSM_SETTINGS" ] || return 0
    if [ ! -f "$SSM_CONFIG" ]; then
        ${1:-:} "$SSM_CONFIG is not there: the SSM agent calls the public addresses" \
            "hybrid-host join writes it; it needs no code"
        return 0
    fi
    for url in $(printf '%s' "$SSM_SETTINGS" | grep -o 'https://[^"]*'); do
        if grep -qF "\"$url\"" "$SSM_CONFIG"; then
            ok "the SSM agent calls $url"
        else
            bad "$SSM_CONFIG is not this script's, and does not name $url" \
                "put Ssm.Endpoint and Mgs.Endpoint of $SSM_SETTINGS into it, or move it away and run hybrid-host join"
        fi
    done
}

write_proxies() {
    for unit in $UNITS_WITH_PROXY; do
        file="/etc/systemd/system/$unit.service.d/hybrid-proxy.conf"
        if [ -z "$PROXY" ]; then
            if [ -f "$file" ]; then rm -f "$file" && say "removed $file" && changed=yes; fi
        else
            # systemd reads % as the beginning of a specifier.
            proxy=$(printf '%s' "$PROXY" | sed 's/%/%%/g')
            printf '%s\n' "[Service]" \
                "Environment=\"HTTP_PROXY=$proxy\" \"HTTPS_PROXY=$proxy\" \"NO_PROXY=$NOT_THROUGH_PROXY\"" \
                "Environment=\"http_proxy=$proxy\" \"https_proxy=$proxy\" \"no_proxy=$NOT_THROUGH_PROXY\"" |
                put "$file" 600
        fi
    done
}

# Whether a service that runs was started with the proxy; one that does not run will be.
knows_proxy() {
    systemctl is-active -q "$1" || return 0
    if [ "$1" = docker ]; then
        [ -n "$(docker info --format '{{.HTTPSProxy}}' 2>/dev/null)" ]
        return
    fi
    pid=$(systemctl show -p MainPID --value "$1" 2>/dev/null) || pid=
    [ -r "/proc/${pid:-none}/environ" ] || return 0
    tr '\0' '\n' <"/proc/$pid/environ" | grep -qi '^https_proxy='
}

# A service takes up the proxy when it starts. Docker's restart would end the containers of others.
restart_without_proxy() {
    [ -n "$PROXY" ] || return 0
    if ! knows_proxy "$(ssm_unit)"; then systemctl restart "$(ssm_unit)"; fi
    if ! knows_proxy docker; then
        if [ -z "$(docker ps -q 2>/dev/null)" ]; then
            step "restarting Docker, which does not know the proxy yet"
            systemctl restart docker
        else
            warn "Docker does not know the proxy yet, and containers run: no image can be pulled" \
                "systemctl restart docker, when they may end"
        fi
    fi
}

ssm_unit() {
    snap=snap.amazon-ssm-agent.amazon-ssm-agent
    if systemctl is-active -q "$snap"; then printf '%s' "$snap"; else printf amazon-ssm-agent; fi
}

write_task_network() {
    printf '%s\n' "net.ipv4.conf.all.route_localnet = 1" | put "$SYSCTL" 644
    printf '%s\n' "[Unit]" "Description=Task roles of ECS containers on this host" \
        "After=network-pre.target" "Before=docker.service ecs.service" "" \
        "[Service]" "Type=oneshot" "RemainAfterExit=yes" "ExecStart=$SELF task-network" "" \
        "[Install]" "WantedBy=multi-user.target" | put "$UNIT" 644
}

write_image_cleaning() {
    printf '%s\n' "[Unit]" "Description=Remove old images of the ETL container" "After=docker.service" "" \
        "[Service]" "Type=oneshot" "ExecStart=$SELF clean-images" | put "$IMAGES_UNIT.service" 644
    printf '%s\n' "[Unit]" "Description=Remove old images of the ETL container, daily" "" \
        "[Timer]" "OnCalendar=daily" "RandomizedDelaySec=4h" "Persistent=true" "" \
        "[Install]" "WantedBy=timers.target" | put "$IMAGES_UNIT.timer" 644
}

install_self() {
    case "$0" in
        *hybrid-host*) if [ -f "$0" ] && [ "$0" != "$SELF" ]; then put "$SELF" 700 <"$0"; fi ;;
    esac
    [ -f "$SELF" ] || stop 2 "run this as a file called hybrid-host.sh, so that it can install itself as $SELF"
}

configure() {
    changed=no
    install_self
    write_agent_config
    write_ssm_settings
    write_proxies
    write_task_network
    write_image_cleaning
    systemctl daemon-reload
    systemctl enable -q hybrid-task-roles.service
    systemctl enable -q --now hybrid-images.timer
    task_network
    restart_without_proxy
}
