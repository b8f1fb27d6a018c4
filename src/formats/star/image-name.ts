import { UserError } from "../../errors.js";

/** One image: a file and, for stacks, the number of the image in it. */
export interface ImageName {
  readonly path: string;
  /** From 0; undefined for a file that is one image or volume. */
  readonly index?: number;
}

/** `000012@path/stack.mrcs` (images count from 1) or a plain path. Throws `UserError` for image number 0. */
export function parseImageName(text: string): ImageName {
  const match = /^(\d+)@(.*)$/s.exec(text);
  if (match === null) return { path: text };
  const number = Number(match[1]);
  if (number < 1 || !Number.isSafeInteger(number))
    throw new UserError(`image name ${text}: images of a stack count from 1`);
  return { path: match[2] as string, index: number - 1 };
}

/** The image as RELION names it. */
export function formatImageName({ path, index }: ImageName): string {
  return index === undefined ? path : `${String(index + 1).padStart(6, "0")}@${path}`;
}
