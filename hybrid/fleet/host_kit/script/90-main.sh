preflight() {
    check_system
    check_tools
    check_room
    check_docker_service
    if registered; then check_identity bad; fi
    check_ec2
    check_clock
    check_ways
    if ! registered || [ ! -x /usr/libexec/amazon-ecs-init ]; then
        check_docker_source
        check_install_ways
    fi
}

plan() {
    say "Joins this machine to the cluster $CLUSTER in $REGION."
    say "It would install (signatures verified): amazon-ssm-agent, Docker from '$(docker_source)', amazon-ecs-init."
    say "It would write: $CONFIG, $SYSCTL, $UNIT, $SELF${PROXY:+, and hybrid-proxy.conf of each service}."
    say "It would set net.ipv4.conf.all.route_localnet and three iptables rules for task roles."
    say "It would open no port. Undo: hybrid-host leave."
    say ""
    preflight
    [ "$failures" -eq 0 ] || stop 2 "$failures check(s) failed; join would change nothing"
}

usage() {
    sed -n 's/^# \{0,1\}//p' "$0" | head -n 10
    exit "$1"
}

main() {
    command=${1:-}
    [ $# -eq 0 ] || shift
    force=no
    while [ $# -gt 0 ]; do
        case "$1" in
            --activation)
                [ $# -ge 2 ] || stop 2 "--activation takes a file"
                activation_file=$2
                shift
                ;;
            --force) force=yes ;;
            --activation-code* | --code*) stop 2 "a code is not taken as an argument: every user of the machine could read it" ;;
            *) stop 2 "unknown option; hybrid-host help shows the commands" ;;
        esac
        shift
    done
    case "$command" in
        plan | join | doctor | leave | task-network)
            [ "$(id -u)" = 0 ] || stop 2 "run this as root"
            ;;
    esac
    case "$command" in
        plan) plan ;;
        join) join ;;
        doctor) doctor ;;
        leave) leave ;;
        task-network) task_network ;;
        help | -h | --help) usage 0 ;;
        *) usage 2 ;;
    esac
}

main "$@"
