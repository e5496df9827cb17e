/** esbuild puts the text of a picture where it is imported. */
declare module '*.svg' {
  const text: string;
  export default text;
}
