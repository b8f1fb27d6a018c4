import { useEffect, useRef } from "preact/hooks";

/** Standard deviations from black to white. */
const shown = 5;

/** Images side by side, as they are; nothing is drawn before there are any. */
export function Mosaic({
  pixels,
  box,
  columns,
  rows,
  label,
}: {
  /** box x box values an image, background of mean 0 and deviation 1. */
  readonly pixels: Float32Array | undefined;
  readonly box: number;
  readonly columns: number;
  readonly rows: number;
  readonly label: string;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (context === null || context === undefined || pixels === undefined) return;
    const picture = context.createImageData(columns * box, rows * box);
    const count = Math.min(columns * rows, pixels.length / box ** 2);
    for (let at = 0; at < count * box ** 2; at++) {
      const image = Math.floor(at / box ** 2);
      const x = (image % columns) * box + (at % box);
      const y = Math.floor(image / columns) * box + (box - 1 - (Math.floor(at / box) % box));
      const grey = 128 + (256 / shown) * pixels[at];
      picture.data.set([grey, grey, grey, 255], 4 * (y * columns * box + x));
    }
    context.putImageData(picture, 0, 0);
    canvas.current?.classList.add("drawn");
  }, [pixels, box, columns, rows]);
  return (
    <canvas
      ref={canvas}
      class="mosaic"
      width={columns * box}
      height={rows * box}
      role="img"
      aria-label={label}
    />
  );
}
