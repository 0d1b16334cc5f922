/**
 * The keeper: a small shell that owns the server's folder, is the parent of the server, and holds a pipe from this
 * process (fd 3). When this process ends, in whatever way (SIGKILL included), the pipe closes; the keeper then stops
 * the server and removes the folder. No signal handler of ours is needed, and none is installed.
 *
 * - It is in a session of its own: a Ctrl-C in the terminal does not reach it or the server.
 * - Each line it reads from fd 3 is a command to run, one after another: `initdb`, the server, the server again after
 *   a crash. It tells on fd 4 which process that is and how it ended. The next line is sent only after that, so what
 *   the watching subshell reads from fd 3 meanwhile can only be the end of the file.
 * - The watching subshell is also the keeper's second: it cleans up when somebody has killed the keeper itself.
 * - While processes are frozen, or a crash is being made, the pids of the server are in the file `family`: a frozen
 *   process answers no signal but SIGCONT and SIGKILL, and children of a killed server may be too busy to notice.
 * - To speak to a process that is gone fails, at any moment; no command may depend on it.
 * - SIGPIPE is ignored and output goes to /dev/null, as bash would otherwise die of saying "Killed" to a closed pipe.
 */
export const KEEPER_SCRIPT: string = `
folder=$1 stop=$2 farewell=$3
trap '' INT HUP TERM QUIT PIPE
umask 077
if problem=$(mkdir "$folder" 2>&1); then echo ready >&4; else echo "failed $problem" >&4; exit 1; fi
cd "$folder"
exec >/dev/null 2>&1
tidy() {
  kill -KILL $(cat "$folder/family")
  eval "$farewell"
  cd /
  i=0; until rm -rf "$folder" || [ "$i" -ge 50 ]; do sleep 0.1; i=$((i + 1)); done
}
while read -r order <&3; do
  ( trap - INT HUP TERM QUIT PIPE; exec 3<&- 4>&- >>"$folder/log" 2>&1 </dev/null; eval "$order" ) &
  server=$!
  (
    exec 4>&-
    read -r end <&3
    kill -CONT $(cat "$folder/family")
    i=0; while [ "$i" -lt 100 ] && kill -"$stop" "$server"; do sleep 0.1; i=$((i + 1)); done
    kill -KILL "$server"
    kill -0 "$$" || tidy
  ) &
  watch=$!
  echo "pid $server" >&4
  wait "$server"; code=$?
  kill -KILL "$watch"; wait "$watch"
  echo "exited $code" >&4
done
tidy
`;
