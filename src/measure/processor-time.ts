/** The processor time that this process has used, in ms: on a busy machine the clock would count the others' work too. */
export function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
