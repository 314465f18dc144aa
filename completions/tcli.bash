# Made by scripts/make_completions.py from tcli/cli/options.py.
_tcli() {
    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"
    case "$before" in
        --expr|-e) COMPREPLY=(); return ;;
        --var|-v) COMPREPLY=($(compgen -f -- "${word#*=}")); return ;;
        --output|-o) COMPREPLY=($(compgen -W "text repr json csv tsv md npy npz safetensors pt" -- "$word")); return ;;
        --in) COMPREPLY=(); return ;;
        --chunks) COMPREPLY=(); return ;;
        --device) COMPREPLY=($(compgen -W "cpu cuda cuda:0 meta" -- "$word")); return ;;
        --seed) COMPREPLY=(); return ;;
        --dtype) COMPREPLY=($(compgen -W "float32 float64 float16 bfloat16 float double half" -- "$word")); return ;;
        --profile-trace) COMPREPLY=(); return ;;
        --color) COMPREPLY=($(compgen -W "auto always never" -- "$word")); return ;;
        --errors) COMPREPLY=($(compgen -W "text json" -- "$word")); return ;;
        --emit) COMPREPLY=($(compgen -W "torch numpy" -- "$word")); return ;;
        --verify) COMPREPLY=($(compgen -W "torch" -- "$word")); return ;;
        --max-memory) COMPREPLY=(); return ;;
        --timeout) COMPREPLY=(); return ;;
        --threads) COMPREPLY=(); return ;;
    esac
    if [[ "$word" == -* ]]; then
        COMPREPLY=($(compgen -W "--expr -e --interactive -i --var -v --output -o --raw -r --in --chunks --device --seed --dtype --quiet -q --profile --profile-trace --trace --color --errors --emit --verify --sandbox --max-memory --timeout --threads --version -V --help -h" -- "$word"))
    else
        COMPREPLY=($(compgen -W "inspect diff convert test check devices doc ops explain" -- "$word") $(compgen -f -X '!*.tsr' -- "$word") $(compgen -d -- "$word"))
    fi
}
complete -o filenames -F _tcli tcli
