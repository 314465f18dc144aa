# Made by scripts/make_completions.py from the tables of options.
_tcli_words() { COMPREPLY=($(compgen -W "$1" -- "$word")); }
# Folders and files, those with the given endings alone where there are any.
_tcli_files() {
    local IFS=$'\n' ending
    COMPREPLY=($(compgen -d -- "$word"))
    if (($# == 0)); then COMPREPLY+=($(compgen -f -- "$word")); fi
    for ending; do COMPREPLY+=($(compgen -f -X "!*.$ending" -- "$word")); done
}
# The FILE of NAME=FILE.
_tcli_value() {
    COMPREPLY=()
    if ((equals > 0)); then _tcli_files
    elif [[ "$word" == *=* ]]; then word="${word#*=}"; _tcli_files; fi
}
# The names of the tensors in the file before.
_tcli_names() {
    local file="${COMP_WORDS[COMP_CWORD-1]}"
    [[ -f "$file" ]] || return 1
    _tcli_words "$(tcli inspect --json "$file" 2>/dev/null | grep -o '{"name": "[^"]*"' | cut -d '"' -f 4)"
    ((${#COMPREPLY[@]}))
}
_tcli() {
    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"
    local equals=0
    if [[ "$word" == "=" ]]; then equals=$COMP_CWORD word=""
    elif [[ "$before" == "=" ]]; then equals=$((COMP_CWORD - 1)); fi
    if ((equals > 0)); then
        before="${COMP_WORDS[equals-1]}"
        [[ "$before" == -* || $equals -lt 2 ]] || before="${COMP_WORDS[equals-2]}"
    fi
    if ((COMP_CWORD > 1)); then
        case "${COMP_WORDS[1]}" in
        inspect)
            case "$before" in
                --grep|-g) COMPREPLY=(); return ;;
                --in) _tcli_words "text repr json csv tsv md npy npz safetensors pt"; return ;;
                --color) _tcli_words "auto always never"; return ;;
                --errors) _tcli_words "text json"; return ;;
            esac
            if [[ "$word" == -* ]]; then _tcli_words "--grep -g --stats -s --hash --json --all -a --in --color --errors --help -h"
            else _tcli_names || _tcli_files arrow bin bmp ckpt csv dat feather gguf gif gz h5 hdf5 idx idx1-ubyte idx3-ubyte ipc jpeg jpg json jsonl mat mtx ndjson npy npz parquet pgm png ppm pt pth raw safetensors tab tif tiff tsv txt ubyte webp zarr; fi
            return ;;
        diff)
            case "$before" in
                --rtol) COMPREPLY=(); return ;;
                --atol) COMPREPLY=(); return ;;
                --grep|-g) COMPREPLY=(); return ;;
                --color) _tcli_words "auto always never"; return ;;
                --errors) _tcli_words "text json"; return ;;
            esac
            if [[ "$word" == -* ]]; then _tcli_words "--rtol --atol --grep -g --json --quiet -q --color --errors --help -h"
            else _tcli_files arrow bin bmp ckpt csv dat feather gguf gif gz h5 hdf5 idx idx1-ubyte idx3-ubyte ipc jpeg jpg json jsonl mat mtx ndjson npy npz parquet pgm png ppm pt pth raw safetensors tab tif tiff tsv txt ubyte webp zarr; fi
            return ;;
        convert)
            case "$before" in
                --dtype) _tcli_words "float32 float64 float16 bfloat16 float double half"; return ;;
                --select) COMPREPLY=(); return ;;
                --rename) COMPREPLY=(); return ;;
                --shard) COMPREPLY=(); return ;;
                --in) _tcli_words "text repr json csv tsv md npy npz safetensors pt"; return ;;
                --to) _tcli_words "text repr json csv tsv md npy npz safetensors pt"; return ;;
                --color) _tcli_words "auto always never"; return ;;
                --errors) _tcli_words "text json"; return ;;
            esac
            if [[ "$word" == -* ]]; then _tcli_words "--dtype --select --rename --shard --in --to --color --errors --help -h"
            else _tcli_files arrow bin bmp ckpt csv dat feather gguf gif gz h5 hdf5 idx idx1-ubyte idx3-ubyte ipc jpeg jpg json jsonl mat mtx ndjson npy npz parquet pgm png ppm pt pth raw safetensors tab tif tiff tsv txt ubyte webp zarr; fi
            return ;;
        test)
            case "$before" in
                --rtol) COMPREPLY=(); return ;;
                --atol) COMPREPLY=(); return ;;
                --color) _tcli_words "auto always never"; return ;;
                --errors) _tcli_words "text json"; return ;;
            esac
            if [[ "$word" == -* ]]; then _tcli_words "--update --rtol --atol --quiet -q --color --errors --help -h"
            else _tcli_files tsr; fi
            return ;;
        check)
            case "$before" in
                --var|-v) _tcli_value; return ;;
                --device) _tcli_words "cpu cuda cuda:0 meta"; return ;;
                --color) _tcli_words "auto always never"; return ;;
                --errors) _tcli_words "text json"; return ;;
            esac
            if [[ "$word" == -* ]]; then _tcli_words "--plan --json --var -v --device --quiet -q --color --errors --help -h"
            else _tcli_files tsr; fi
            return ;;
        devices)
            case "$before" in
                --color) _tcli_words "auto always never"; return ;;
                --errors) _tcli_words "text json"; return ;;
            esac
            if [[ "$word" == -* ]]; then _tcli_words "--json --color --errors --help -h"
            else COMPREPLY=(); fi
            return ;;
        doc)
            if [[ "$word" == -* ]]; then _tcli_words "--help -h"
            else _tcli_words "$(tcli ops "$word" 2>/dev/null | cut -d " " -f 1)"; fi
            return ;;
        ops)
            if [[ "$word" == -* ]]; then _tcli_words "--json --help -h"
            else _tcli_words "$(tcli ops "$word" 2>/dev/null | cut -d " " -f 1)"; fi
            return ;;
        explain)
            if [[ "$word" == -* ]]; then _tcli_words "--help -h"
            else _tcli_words "attribute broadcast contract device dtype file forbidden grad gradcheck import index linalg name python runtime shape syntax timeout trap type unsupported unused value values warning"; fi
            return ;;
        esac
    fi
    case "$before" in
        --expr|-e) COMPREPLY=(); return ;;
        --var|-v) _tcli_value; return ;;
        --output|-o) _tcli_words "text repr json csv tsv md npy npz safetensors pt"; return ;;
        --in) _tcli_words "text repr json csv tsv md npy npz safetensors pt"; return ;;
        --chunks) COMPREPLY=(); return ;;
        --device) _tcli_words "cpu cuda cuda:0 meta"; return ;;
        --seed) COMPREPLY=(); return ;;
        --dtype) _tcli_words "float32 float64 float16 bfloat16 float double half"; return ;;
        --profile-trace) _tcli_files; return ;;
        --color) _tcli_words "auto always never"; return ;;
        --errors) _tcli_words "text json"; return ;;
        --emit) _tcli_words "torch numpy"; return ;;
        --verify) _tcli_words "torch"; return ;;
        --max-memory) COMPREPLY=(); return ;;
        --timeout) COMPREPLY=(); return ;;
        --threads) COMPREPLY=(); return ;;
        --trace) _tcli_words "backward steps all"; ((equals > 0)) && return ;;
        --install-completion) _tcli_words "bash zsh fish"; [[ "$word" != -* ]] && return ;;
    esac
    if [[ "$word" == -* ]]; then
        _tcli_words "--expr -e --interactive -i --var -v --output -o --raw -r --in --chunks --device --seed --dtype --quiet -q --profile --profile-trace --trace --color --errors --emit --verify --sandbox --max-memory --timeout --threads --install-completion --version -V --help -h"
    else
        _tcli_files tsr
        ((COMP_CWORD > 1)) || COMPREPLY+=($(compgen -W "inspect diff convert test check devices doc ops explain" -- "$word"))
    fi
}
complete -o filenames -F _tcli tcli
