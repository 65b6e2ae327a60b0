import tseslint from 'typescript-eslint';
import { ownKeys } from './scripts/own-keys-rule.mjs';

export default tseslint.config(
  { ignores: ['dist', 'coverage', '**/*.mjs', '**/*.cjs', 'src/**/page/**'] },
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true, named: true, defaultFrom: true } }],
      eqeqeq: 'error',
      'no-restricted-properties': [
        'error',
        { object: 'URL', property: 'canParse', message: 'Use parsedUrl: on Node 20 it is wrong about Latin-1.' },
      ],
    },
  },
  {
    files: ['src/**', 'ui/**'],
    plugins: { mtxpilot: { rules: { 'own-keys': ownKeys } } },
    rules: { 'mtxpilot/own-keys': 'error' },
  },
  {
    files: ['test/**', 'bench/**'],
    rules: { '@typescript-eslint/no-unsafe-assignment': 'off', '@typescript-eslint/no-unsafe-member-access': 'off' },
  },
);
