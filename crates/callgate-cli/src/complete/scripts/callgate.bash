# Completions of callgate for bash. Sourced, or put into a folder of bash-completion's as `callgate`.
_callgate() {
    local -a lines
    mapfile -t lines < <("${COMP_WORDS[0]/#\~/$HOME}" complete --shell bash \
        --line "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    COMPREPLY=("${lines[@]:1}")
    case ${lines[0]-} in
        :files | :folders)
            local kind=-f
            [[ ${lines[0]} == :folders ]] && kind=-d
            compopt -o filenames 2>/dev/null
            mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen "$kind" -- "${2-}")
            ;;
        :command)
            local at
            for ((at = 1; at < COMP_CWORD; at++)); do
                [[ ${COMP_WORDS[at]} == -- ]] && break
            done
            if declare -F _command_offset >/dev/null; then
                _command_offset $((at + 1))
            elif ((at + 1 == COMP_CWORD)); then
                mapfile -t COMPREPLY < <(compgen -c -- "${2-}")
            else
                compopt -o default 2>/dev/null
            fi
            ;;
    esac
}
complete -F _callgate callgate
