/// <reference types="vite/client" />
/** Version of the package. */
declare const __VERSION__: string;
