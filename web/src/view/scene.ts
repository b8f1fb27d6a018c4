import {
  BufferAttribute,
  BufferGeometry,
  Color,
  DirectionalLight,
  DoubleSide,
  HemisphereLight,
  Mesh,
  MeshStandardMaterial,
  PerspectiveCamera,
  Scene,
  Spherical,
  Vector3,
  WebGLRenderer,
} from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import type { Surface } from "./map.js";

/** Where one looks from: kept when the map changes. */
export interface MapScene {
  /** `size`: voxels along an edge of the box. */
  show(surface: Surface, size: number): void;
  colour(css: string): void;
  turning(on: boolean): void;
  /** Turn by degrees to the right and upwards, and go nearer by a factor. */
  move(right: number, up: number, nearer: number): void;
  resize(): void;
  close(): void;
}

/** Seconds of a whole turn. */
const turn = 40;

/** Milliseconds. */
const slowFrame = 45;

/** Field of view, degrees, and how far away a box of side 1 is looked at from. */
const fieldOfView = 30;
const distance = 1.75;

/**
 * A map in 3D on a canvas. Drawn only while it turns or is moved.
 * @throws Error where the browser has no WebGL 2
 */
export function openScene(canvas: HTMLCanvasElement): MapScene {
  const renderer = new WebGLRenderer({ canvas, antialias: true, alpha: true });
  renderer.setPixelRatio(Math.min(2, devicePixelRatio));
  const scene = new Scene();
  const camera = new PerspectiveCamera(fieldOfView, 1, 0.05, 10);
  camera.up.set(0, 0, 1);
  camera.position.set(0, -distance, 0.45);
  const key = new DirectionalLight(0xffffff, 2.3);
  key.position.set(-0.6, 0.9, 1);
  const rim = new DirectionalLight(0xffffff, 0.9);
  rim.position.set(1, -0.4, -0.6);
  camera.add(key, rim);
  scene.add(camera, new HemisphereLight(0xffffff, 0x8a8f99, 1));
  const material = new MeshStandardMaterial({ roughness: 0.62, metalness: 0, side: DoubleSide });
  const mesh = new Mesh(new BufferGeometry(), material);
  scene.add(mesh);
  const controls = new OrbitControls(camera, canvas);
  controls.enablePan = false;
  // A finger that goes up or down scrolls the page, which the view may fill.
  canvas.style.touchAction = "pan-y";
  controls.minDistance = 0.4;
  controls.maxDistance = 4;
  controls.autoRotateSpeed = 60 / turn;
  let frame = 0;
  let closed = false;
  // Turning by itself is a change too, which must not ask for the next frame before it is time.
  let drawing = false;
  const draw = (time = 0) => {
    frame = 0;
    if (closed) return;
    drawing = true;
    controls.update(controls.autoRotate ? Math.min(0.6, (time - last) / 1000) : undefined);
    drawing = false;
    last = time;
    renderer.render(scene, camera);
    if (controls.autoRotate) pause();
  };
  // Where frames are slow the processor draws them, and has other work.
  const pause = () => {
    const took = performance.now() - asked;
    if (took < slowFrame) ask();
    else setTimeout(ask, Math.min(500, 3 * took));
  };
  let asked = 0;
  let last = 0;
  const ask = () => {
    if (frame !== 0 || closed) return;
    asked = performance.now();
    frame = requestAnimationFrame(draw);
  };
  controls.addEventListener("change", () => {
    if (!drawing) ask();
  });
  const resize = () => {
    const { clientWidth: width, clientHeight: height } = canvas;
    if (width === 0 || height === 0) return;
    renderer.setSize(width, height, false);
    camera.aspect = width / height;
    camera.updateProjectionMatrix();
    ask();
  };
  const observer = new ResizeObserver(resize);
  observer.observe(canvas);
  resize();
  return {
    show({ positions, normals, indices }, size) {
      const geometry = new BufferGeometry();
      geometry.setAttribute("position", new BufferAttribute(positions, 3));
      geometry.setAttribute("normal", new BufferAttribute(normals, 3));
      geometry.setIndex(new BufferAttribute(indices, 1));
      mesh.geometry.dispose();
      mesh.geometry = geometry;
      mesh.scale.setScalar(1 / size);
      ask();
    },
    colour(css) {
      material.color = new Color(css);
      ask();
    },
    turning(on) {
      controls.autoRotate = on;
      ask();
    },
    move(right, up, nearer) {
      const place = new Spherical().setFromVector3(
        new Vector3(camera.position.x, camera.position.z, -camera.position.y),
      );
      place.theta -= (right * Math.PI) / 180;
      place.phi -= (up * Math.PI) / 180;
      place.radius = Math.min(controls.maxDistance, Math.max(controls.minDistance, place.radius / nearer));
      const { x, y, z } = new Vector3().setFromSpherical(place.makeSafe());
      camera.position.set(x, -z, y);
      ask();
    },
    resize,
    close() {
      closed = true;
      cancelAnimationFrame(frame);
      observer.disconnect();
      controls.dispose();
      mesh.geometry.dispose();
      material.dispose();
      renderer.dispose();
    },
  };
}
