# Completions of callgate for fish. Put into a folder of $fish_complete_path as `callgate.fish`, or sourced.
function __callgate_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l typed $words $current
    set -l lines ($words[1] complete --shell fish -- $typed[2..-1] 2>/dev/null)
    switch "$lines[1]"
        case :files
            __fish_complete_path $current
        case :folders
            __fish_complete_directories $current
        case :command
            set -l at (contains -i -- -- $words)
            set -l command $words[(math $at + 1)..-1]
            test (count $words) -eq $at; and set command
            complete -C (string join ' ' -- (string escape -- $command) "$current")
    end
    test (count $lines) -gt 1; and printf '%s\n' $lines[2..-1]
end
complete -c callgate -f -a '(__callgate_complete)'
