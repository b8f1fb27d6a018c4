/// <reference types="vite/client" />
/** Version of the package. */
declare const __VERSION__: string;

/** Of workers; the types of TypeScript have it in another library than that of pages. */
interface FileSystemSyncAccessHandle {
  write(bytes: Uint8Array, options?: { at?: number }): number;
  truncate(size: number): void;
  getSize(): number;
  flush(): void;
  close(): void;
}

interface FileSystemFileHandle {
  createSyncAccessHandle(): Promise<FileSystemSyncAccessHandle>;
  move(name: string): Promise<void>;
}

/** Chromium's; other browsers have none. */
declare var showDirectoryPicker:
  | ((options: { mode?: "readwrite"; id?: string }) => Promise<FileSystemDirectoryHandle>)
  | undefined;

/** File System Access, where a browser has it. */
interface FileSystemHandle {
  requestPermission?(descriptor: { readonly mode: "read" }): Promise<PermissionState>;
}
interface DataTransferItem {
  getAsFileSystemHandle?(): Promise<FileSystemHandle | null>;
}
