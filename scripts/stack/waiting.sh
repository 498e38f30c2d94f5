# shellcheck shell=bash disable=SC2154
# Waits until services are well, and says which one is not. Sourced after common.sh.

patience=${WAIT_SECONDS:-300}   # for all of them
grace=30                        # for one that was started and is not well: it may mend itself

# Tempo's and the collector's images hold no shell that could ask: they are asked from a container of ours on their network.
declare -A probes=([tempo]=http://tempo:3200/ready [otel-collector]=http://otel-collector:13133/)

# One line for each container: service, what it is (healthy, starting, unhealthy, or running without a check; else how it ended), since when.
states() { containers | awk '{ print $1, $3 == "running" && $4 != "none" ? $4 : $3, $5 }'; }

is_well() {
  case $2 in
    healthy) return 0 ;;
    running) [ -z "${probes[$1]:-}" ] || docker exec "$(container_of celery_worker)" answers "${probes[$1]}" >/dev/null 2>&1 ;;
    *) return 1 ;;
  esac
}

# wait_until_well PROCESS SERVICE...: says each service that has got well, and fails with the last words of those that do not.
# PROCESS is what still starts them, or nothing; its failure ends the wait. While it runs, what was well before may yet be replaced.
wait_until_well() {
  local starter=$1 began=$SECONDS started_after service state since
  local -A waiting=() unwell_since=() state_of=()
  started_after=${starter:+$(date -u +%Y-%m-%dT%H:%M:%S)}
  shift
  for service; do waiting[$service]=yes; done
  while [ ${#waiting[@]} -gt 0 ]; do
    state_of=()
    while read -r service state since; do
      [[ -n $starter && $since < $started_after ]] || state_of[$service]=$state
    done < <(states)
    for service in "${!waiting[@]}"; do
      state=${state_of[$service]:-missing}
      if is_well "$service" "$state"; then
        printf '%4d s  %s\n' $((SECONDS - began)) "$service"
        unset "waiting[$service]"
      elif [[ $state =~ ^(unhealthy|exited|restarting|dead)$ ]]; then
        : "${unwell_since[$service]:=$SECONDS}"
        [ $((SECONDS - unwell_since[$service])) -lt $grace ] || give_up "$service"
      else
        unset "unwell_since[$service]"
      fi
    done
    if [ -n "$starter" ] && ! kill -0 "$starter" 2>/dev/null; then
      wait "$starter" || not_started "${!waiting[@]}"
      starter=
    fi
    [ $((SECONDS - began)) -lt "$patience" ] || give_up "${!waiting[@]}"
    [ ${#waiting[@]} -eq 0 ] || sleep 0.5
  done
}

give_up() {
  last_words starting "$@" || complain "Not every service could be started"
  look_further
}

# The starter failed. What still starts has done nothing wrong: its words would hide the reason.
not_started() {
  last_words '' "$@" || true
  tell_words
  look_further
}

look_further() {
  complain "To look further: ${compose_command[*]} ps; make logs SERVICE=name"
  exit 1
}

# last_words STATE SERVICE...: of each that is neither well nor waits for another one; those in STATE too. Fails where there is none.
last_words() {
  local wanted=$1 service state id told=1
  shift
  for service; do
    state=$(states | awk -v service="$service" '$1 == service { print $2 }')
    [[ $state =~ ^(unhealthy|exited|restarting|dead|running)$ || $state = "$wanted" ]] || continue
    is_well "$service" "$state" && continue
    id=$(container_of "$service")
    complain "$service is $state. Its last words:"
    docker logs --tail 20 "$id" 2>&1 | sed 's/^/    /' >&2
    told=0
  done
  return $told
}

# What the command that starts them had to say, where the caller kept it.
tell_words() {
  [ ! -s "${starter_words:-}" ] || { complain "Compose said:"; tail -n 5 "$starter_words" | sed 's/^/    /' >&2; }
}
