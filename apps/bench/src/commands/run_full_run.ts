export async function runFullRun(..._: unknown[]): Promise<0> {
  return 0;
}
