import { Argument } from 'commander';
import { ownValue } from '../wire';
import type { RegisterCommand } from './terminal';

/*
 * Both scripts ask the program itself what can come next (`mtxpilot complete`), so that commands, options, streams and servers are those of
 * now. They work in bash from 3.2 on, which has no mapfile.
 */
const scripts: Readonly<Record<string, string>> = {
  bash: `# mtxpilot completion for bash. In ~/.bashrc: source <(mtxpilot completion bash)
_mtxpilot() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    COMPREPLY+=("$line")
  done < <("\${COMP_WORDS[0]}" complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _mtxpilot mtxpilot
`,
  zsh: `#compdef mtxpilot
# mtxpilot completion for zsh. In ~/.zshrc, after compinit: source <(mtxpilot completion zsh)
_mtxpilot() {
  local -a candidates
  candidates=("\${(@f)$("\${words[1]}" complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -- "\${(@)candidates:#}"
}
if [ "\${funcstack[1]}" = "_mtxpilot" ]; then
  _mtxpilot "$@"
else
  compdef _mtxpilot mtxpilot
fi
`,
};

/** `mtxpilot completion bash|zsh`: the script that makes a shell complete commands, options, streams and servers. */
export const completion: RegisterCommand = (program, terminal) => {
  program
    .command('completion')
    .addArgument(new Argument('<shell>', 'which shell').choices(Object.keys(scripts)))
    .description('a script that makes bash or zsh complete commands, options, streams and servers')
    .addHelpText(
      'after',
      '\nbash: source <(mtxpilot completion bash) in ~/.bashrc\nzsh:  source <(mtxpilot completion zsh) in ~/.zshrc, after compinit',
    )
    .action((shell: string) => {
      terminal.stdout.write(ownValue(scripts, shell) ?? '');
    });
};
