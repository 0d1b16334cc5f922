// Where examples run, both are set: `process.env.DATABASE_URL` is a string there.
declare namespace NodeJS {
  interface ProcessEnv {
    DATABASE_URL: string;
    REDIS_URL: string;
  }
}
