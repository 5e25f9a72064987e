# shellcheck shell=bash
# ionscale.bash -- completion of commands and flags.
# SPDX-License-Identifier: BSD-2-Clause
#
# Commands and flags are asked from the program's own help, so this file has
# nothing to keep up with.

# the names in the "Commands:" part of a help text, as whole lines
_ionscale_commands()
{
    "$1" help 2> /dev/null | sed -n 's/^  \([a-z][a-z -]*[a-z]\)  .*/\1/p'
}

_ionscale_flags()
{
    "$@" --help 2> /dev/null | grep -oE -- '--[a-z-]+' | sort -u
}

_ionscale()
{
    local program=${COMP_WORDS[0]}
    local current=${COMP_WORDS[COMP_CWORD]}
    local previous=${COMP_WORDS[COMP_CWORD - 1]}
    local typed=() word names

    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in
        -*) ;;
        *) [ ${#typed[@]} -lt 2 ] && typed+=("$word") ;;
        esac
    done
    case $previous in
    --socket | --config | -c)
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    esac
    if [[ $current != -* && ${#typed[@]} -eq 2 && ${typed[0]} == derpmap ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
    fi
    if [[ $current == -* && ${#typed[@]} -gt 0 ]]; then
        names=$(_ionscale_flags "$program" "${typed[@]}")
    elif [ ${#typed[@]} -eq 0 ]; then
        names=$(_ionscale_commands "$program" | cut -d ' ' -f 1)
    else
        names=$(_ionscale_commands "$program" \
            | sed -n "s/^${typed[0]//[^a-z-]/} //p")
    fi
    mapfile -t COMPREPLY < <(compgen -W "$names" -- "$current")
}

complete -F _ionscale ionscale
