#compdef callgate
# Completions of callgate for zsh. Put into a folder of $fpath as `_callgate`, or sourced behind compinit.
_callgate() {
    local -a lines values
    local program=${~${(Q)words[1]}}
    lines=("${(@f)$($program complete --shell zsh -- "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    values=("${(@)lines[2,-1]}")
    (( $#values )) && _describe -t values value values
    case $lines[1] in
        :files) _files ;;
        :folders) _files -/ ;;
        :command)
            local -i at=${words[(i)--]}
            shift at words
            (( CURRENT -= at ))
            _normal
            ;;
    esac
}
if [[ $funcstack[1] == _callgate ]]; then
    _callgate "$@"
else
    compdef _callgate callgate
fi
