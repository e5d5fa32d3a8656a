# Who this machine is to AWS. Files of the agents say what it believes of itself; what AWS thinks of it only the
# agents are told, and they write it to their logs: the last word counts, because an older one may be settled.
REGISTRATION=/var/lib/amazon/ssm/Vault/Store/RegistrationKey
MARKS=/var/lib/amazon/ssm/Vault/Store/InstanceFingerprint
SSM_LOG=/var/log/amazon/ssm/amazon-ssm-agent.log
ECS_LOG=/var/log/ecs/ecs-agent.log
SSM_RUNTIME=/var/lib/amazon/ssm/runtimeconfig/identity_config.json
AGENT_DATA=/var/lib/ecs/data

# The value of a string in a JSON object, on standard output; JSON of ours has no escapes in it.
value_of() { sed -n "s/.*\"$1\"[[:space:]]*:[[:space:]]*\"\([^\"]*\)\".*/\1/p" "$2" | head -n 1; }

registered() { [ -s "$REGISTRATION" ]; }

# Its `mi-…`, or words for it.
node() {
    id=$(value_of instanceID "$REGISTRATION" 2>/dev/null) || id=
    printf '%s' "${id:-the mi-… of this host}"
}

# The last line of a log that has one of the words (an extended regular expression); nothing where none has.
last_said() {
    if [ -r "$1" ]; then tail -n 5000 "$1" | grep -E "$2" | tail -n 1; fi
}

# The words of the SSM agent about its credentials. Source: aws/amazon-ssm-agent, agent/managedInstances/fingerprint
# and core/app/credentialrefresher; those of a changed machine were seen of amazon-ssm-agent 3.3.
credentials_said() {
    last_said "$SSM_LOG" \
        'MachineFingerprintDoesNotMatch|Cannot connect to AWS Systems Manager|InvalidInstanceId|Retrieve credentials produced error|Credentials ready'
}

# What AWS thinks of the registration: good, fingerprint, refused, failing (no answer) or unknown.
registration_state() {
    case "$(credentials_said)" in
        "") printf unknown ;;
        *"Credentials ready"*) printf good ;;
        *MachineFingerprintDoesNotMatch* | *"Cannot connect to AWS Systems Manager"*) printf fingerprint ;;
        *InvalidInstanceId* | *AccessDenied*) printf refused ;;
        *) printf failing ;;
    esac
}

# What AWS thinks of the container instance: connected, gone, nocluster, api, refused, failing
# or unknown. Source:
# aws/amazon-ecs-agent, agent/app/agent.go, ecs-agent/acs/session/session.go, ecs-agent/api/ecs/client.
instance_state() {
    case "$(instance_said)" in
        "") printf unknown ;;
        *"Connected to ACS"* | *"Registered container instance"*) printf connected ;;
        *InactiveInstance* | *"ontainer instance not found"* | *"nstance is inactive"*) printf gone ;;
        *"is too old"* | *"client not found for docker version"*) printf api ;;
        *ClusterNotFound* | *"luster not found"*) printf nocluster ;;
        *"terminally exit"*) printf refused ;;
        *) printf failing ;;
    esac
}

instance_said() {
    last_said "$ECS_LOG" \
        'Connected to ACS endpoint|Registered container instance with cluster|InactiveInstanceException|ontainer instance not found|nstance is inactive|ClusterNotFound|luster not found|terminally exit|Failed to load pause container.*is too old|Error creating Docker client|Failed to connect to ACS|Unable to discover poll endpoint'
}

# Marks of the machine that registered, as the SSM agent keeps them, against those of this one.
another_machine_id() {
    [ -r "$MARKS" ] && [ -r /etc/machine-id ] || return 1
    was=$(value_of machine-id "$MARKS")
    [ -n "$was" ] && [ "${was%\\n}" != "$(cat /etc/machine-id)" ]
}

# Neither the network card nor the address that it registered with is here: a copied or moved disk. The SSM agent
# would let it pass, and two machines with one registration take each other's place.
another_card_and_address() {
    [ -r "$MARKS" ] || return 1
    card=$(value_of macaddr-info "$MARKS") address=$(value_of ipaddress-info "$MARKS")
    [ -n "$card" ] && [ -n "$address" ] || return 1
    [ -r /proc/net/fib_trie ] || return 1
    if grep -qsixF "$card" /sys/class/net/*/address; then return 1; fi
    ! grep -x -A 1 " *|-- $address" /proc/net/fib_trie | grep -q "host LOCAL"
}

ANEW="hybrid-host leave; bin/hybrid hosts deregister on your own machine; hybrid-host join with a new activation"

check_identity() {
    if another_machine_id; then
        bad "/etc/machine-id is not that with which $(node) registered: AWS will refuse this machine" \
            "if this disk is a copy: hybrid-host leave, then join with a new activation, and let $(node) be; otherwise: $ANEW"
    elif another_card_and_address; then
        "$1" "neither the network card nor the address with which $(node) registered is here: a copy of its disk?" \
            "if it is a copy: hybrid-host leave, a new /etc/machine-id (rm it, then systemd-machine-id-setup), join with a new activation; two machines with one registration take each other's place"
    fi
}

check_registration_state() {
    case "$(registration_state)" in
        good) ok "the SSM agent gets credentials" ;;
        fingerprint)
            bad "the SSM agent sleeps: AWS says that this machine's hardware fingerprint has changed" \
                "no setting of the agent mends it: $ANEW ($(node))"
            ;;
        refused)
            bad "AWS refuses the registration $(node): it was deregistered, or its role is gone" "$ANEW"
            ;;
        failing)
            bad "the SSM agent gets no credentials: $(credentials_said | cut -c 1-300)" \
                "see the ways out below; then restart it, because it waits up to half an hour: systemctl restart $(ssm_unit)"
            ;;
    esac
}

# After a start without a way out the agent asks again after minutes, then hours; it gets credentials meanwhile, and
# is not reached by Session Manager and Run Command. Source: aws/amazon-ssm-agent, agent/hibernation.
hibernates() {
    case "$(last_said "$SSM_LOG" 'Entering SSM Agent (Worker )?hibernate|ssm-agent-worker - v')" in
        *hibernate*) return 0 ;;
        *) return 1 ;;
    esac
}

check_hibernation() {
    if hibernates; then
        warn "the SSM agent hibernates since it started without a way out, for up to an hour at a time" \
            "systemctl restart $(ssm_unit)"
    fi
}

check_instance_state() {
    case "$(instance_state)" in
        connected) ok "the ECS agent is connected" ;;
        gone)
            bad "AWS does not know this container instance any more: it was deregistered, or its cluster made anew" \
                "hybrid-host join: it registers again, without a code"
            ;;
        api)
            bad "Docker and the ECS agent speak no common version of Docker's API: $(instance_said | cut -c 1-300)" \
                "hybrid-host leave and join bring the newest agent; or DOCKER_MIN_API_VERSION in a drop-in of docker.service, or an older Docker"
            ;;
        nocluster) bad "there is no cluster $CLUSTER" "deploy the site; then hybrid-host join" ;;
        refused | failing)
            bad "the ECS agent is not connected: $(instance_said | cut -c 1-300)" \
                "systemctl restart ecs; then look at $ECS_LOG"
            ;;
    esac
}

# What the agent keeps of an instance that AWS does not know makes it end at each start.
forget_instance() {
    if [ "$force" != yes ]; then
        require_no_tasks "container(s) run here of a container instance that AWS does not know any more: wait until they have ended" ", or use --force, which leaves them unwatched"
    fi
    step "AWS does not know this container instance any more: it registers as a new one"
    systemctl stop ecs || :
    rm -rf "$AGENT_DATA"
    changed=yes
}
