tasks_here() {
    has docker || return 0
    docker ps -q --filter label=com.amazonaws.ecs.task-arn 2>/dev/null | wc -l | tr -d ' '
}

remove_packages() {
    if has apt-get; then
        DEBIAN_FRONTEND=noninteractive apt-get purge -y -q amazon-ecs-init amazon-ssm-agent
    elif has dnf; then
        dnf remove -y -q amazon-ecs-init amazon-ssm-agent
    elif has yum; then
        yum remove -y -q amazon-ecs-init amazon-ssm-agent
    fi
}

leave() {
    running=$(tasks_here)
    if [ "${running:-0}" -gt 0 ] && [ "$force" != yes ]; then
        stop 2 "$running task(s) run here: drain the host first (bin/hybrid hosts drain), or use --force"
    fi
    for unit in ecs amazon-ssm-agent snap.amazon-ssm-agent.amazon-ssm-agent hybrid-task-roles; do
        systemctl disable -q --now "$unit" 2>/dev/null || :
    done
    if has docker; then docker rm -f ecs-agent >/dev/null 2>&1 || :; fi
    remove_packages || warn "the packages could not be removed" "remove amazon-ecs-init and amazon-ssm-agent by hand"
    if has snap; then snap remove amazon-ssm-agent >/dev/null 2>&1 || :; fi
    each_rule -D
    for unit in $UNITS_WITH_PROXY; do
        rm -f "/etc/systemd/system/$unit.service.d/hybrid-proxy.conf"
        rmdir "/etc/systemd/system/$unit.service.d" 2>/dev/null || :
    done
    rm -rf /etc/ecs /var/lib/ecs /var/log/ecs /var/lib/amazon/ssm
    rm -f "$UNIT" "$SYSCTL"
    systemctl daemon-reload
    rm -f "$SELF"
    say "left: Docker, its images, and net.ipv4.conf.all.route_localnet until the next boot"
    say "in AWS: bin/hybrid hosts deregister, if it was not done; to join again takes a new activation"
    [ "$warnings" -eq 0 ] || exit 1
}
