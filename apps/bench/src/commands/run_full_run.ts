export async function runFullRun(): Promise<0> {
  return 0;
}
