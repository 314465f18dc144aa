# Made by scripts/make_completions.py from tcli/cli/options.py.
_tcli() {
    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"
    case "$before" in
        --expr|-e) COMPREPLY=(); return ;;
        --var|-v) COMPREPLY=($(compgen -f -- "${word#*=}")); return ;;
        --output|-o) COMPREPLY=($(compgen -W "text repr json csv tsv npy" -- "$word")); return ;;
        --device) COMPREPLY=($(compgen -W "cpu cuda cuda:0 meta" -- "$word")); return ;;
        --seed) COMPREPLY=(); return ;;
        --dtype) COMPREPLY=($(compgen -W "float32 float64 float16 bfloat16 float double half" -- "$word")); return ;;
        --color) COMPREPLY=($(compgen -W "auto always never" -- "$word")); return ;;
        --errors) COMPREPLY=($(compgen -W "text json" -- "$word")); return ;;
        --threads) COMPREPLY=(); return ;;
    esac
    if [[ "$word" == -* ]]; then
        COMPREPLY=($(compgen -W "--expr -e --interactive -i --var -v --output -o --device --seed --dtype --quiet -q --trace --color --errors --threads --version -V --help -h" -- "$word"))
    else
        COMPREPLY=($(compgen -W "doc ops" -- "$word") $(compgen -f -X '!*.tsr' -- "$word") $(compgen -d -- "$word"))
    fi
}
complete -o filenames -F _tcli tcli
