// The scene in 3-D: bodies as the world describes them, and the cameras' point clouds. World z up, metres.
import * as THREE from './vendor/three.module.min.js';

const HOME = { azimuth: -0.95, elevation: 0.5, distance: 1.95, target: [0.27, 0, 0.14] };

/** Whether WebGL runs on the processor: then the page must leave it to the robot. */
function isSoftware() {
  const gl = document.createElement('canvas').getContext('webgl2');
  const info = gl?.getExtension('WEBGL_debug_renderer_info');
  const name = info ? gl.getParameter(info.UNMASKED_RENDERER_WEBGL) : '';
  gl?.getExtension('WEBGL_lose_context')?.loseContext();
  return /swiftshader|llvmpipe|software|basic render/i.test(name);
}

export class Scene {
  constructor(canvas) {
    this.canvas = canvas;
    this.software = isSoftware();
    this.renderer = new THREE.WebGLRenderer({ canvas, antialias: !this.software, powerPreference: 'low-power' });
    this.renderer.setPixelRatio(this.software ? 1 : Math.min(devicePixelRatio, 2));
    this.renderer.shadowMap.enabled = !this.software;
    this.renderer.shadowMap.type = THREE.PCFSoftShadowMap;
    this.world = new THREE.Scene();
    this.camera = new THREE.PerspectiveCamera(42, 1, 0.02, 40);
    this.camera.up.set(0, 0, 1);
    this.bodies = new THREE.Group();
    this.clouds = new THREE.Group();
    const sun = new THREE.DirectionalLight(0xffffff, 2.2);
    sun.position.set(0.9, -1.4, 2.4);
    sun.castShadow = true;
    sun.shadow.mapSize.set(1024, 1024);
    sun.shadow.radius = 4;
    Object.assign(sun.shadow.camera, { left: -1.3, right: 1.3, top: 1.3, bottom: -1.3, near: 0.5, far: 6 });
    sun.target.position.set(0.3, 0, 0);
    this.floor = new THREE.Mesh(new THREE.PlaneGeometry(12, 12), new THREE.ShadowMaterial({ opacity: 0.18 }));
    this.floor.position.z = -0.002;
    this.floor.receiveShadow = true;
    this.world.add(new THREE.HemisphereLight(0xffffff, 0x8a919b, 1.5), sun, sun.target, this.bodies, this.clouds, this.floor);
    this.#orbit();
    this.home();
    new ResizeObserver(() => { this.dirty = true; }).observe(canvas);
    // Software WebGL shares its cores with the robot: five frames a second at most, and a quarter of the time at most.
    const gl = this.renderer.getContext();
    let fence;
    let began = 0;
    let next = 0;
    const loop = (now) => {
      requestAnimationFrame(loop);
      if (fence && gl.getSyncParameter(fence, gl.SYNC_STATUS) === gl.SIGNALED) {
        gl.deleteSync(fence);
        fence = undefined;
        next = now + Math.max(200 - (now - began), 3 * (now - began));
      }
      if (!this.dirty || fence || now < next) return;
      began = now;
      this.#draw();
      if (this.software) fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    };
    requestAnimationFrame(loop);
  }

  theme(dark) {
    this.world.background = new THREE.Color(dark ? 0x14181c : 0xe6e9ed);
    this.floor.material.opacity = dark ? 0.45 : 0.18;
    if (this.grid) this.world.remove(this.grid);
    this.grid = new THREE.GridHelper(4, 40, dark ? 0x39424b : 0xb4bbc3, dark ? 0x242a30 : 0xd3d8dd);
    this.grid.rotation.x = Math.PI / 2;
    this.grid.position.z = this.floor.position.z - 0.001;
    this.world.add(this.grid);
    this.dirty = true;
  }

  home() {
    Object.assign(this, { ...HOME, target: new THREE.Vector3(...HOME.target) });
    this.dirty = true;
  }

  /** Builds the bodies; poses come with {@link move}. */
  build(bodies) {
    this.bodies.traverse((o) => { o.geometry?.dispose(); o.material?.dispose(); });
    this.bodies.clear();
    for (const body of bodies) {
      const mesh = new THREE.Mesh(geometry(body), new THREE.MeshStandardMaterial({
        color: body.rgb, roughness: 0.62, metalness: 0.08,
        // Points lie on what they were measured from: the surface steps back a little.
        polygonOffset: true, polygonOffsetFactor: 1, polygonOffsetUnits: 4, side: body.shape === 'bowl' ? THREE.DoubleSide : THREE.FrontSide }));
      mesh.name = body.name;
      mesh.userData.below = body.shape === 'box' ? body.size[2] : 0;
      mesh.matrixAutoUpdate = false;
      mesh.castShadow = mesh.receiveShadow = true;
      this.bodies.add(mesh);
    }
    this.dirty = true;
  }

  /** Twelve numbers a body, the upper three rows of its pose. */
  move(poses) {
    const meshes = this.bodies.children;
    if (poses.length !== 12 * meshes.length) return;
    // The floor lies under the table, if there is one.
    const floor = Math.min(0, ...meshes.map((mesh, i) => (mesh.userData.below ? poses[12 * i + 11] - mesh.userData.below : 0)));
    this.floor.position.z = floor - 0.002;
    this.grid.position.z = floor - 0.003;
    for (let i = 0, p = 0; i < meshes.length; i++, p += 12) {
      meshes[i].matrix.set(...poses.slice(p, p + 12), 0, 0, 0, 1);
      meshes[i].matrixWorldNeedsUpdate = true;
    }
    this.dirty = true;
  }

  /** A camera's cloud: "APC1", int32 n, float32 [n, 3], uint8 [n, 3]; null takes it away. */
  cloud(name, buffer) {
    let points = this.clouds.getObjectByName(name);
    if (!buffer) {
      if (points) { points.geometry.dispose(); this.clouds.remove(points); this.dirty = true; }
      return;
    }
    const head = new DataView(buffer);
    if (head.getUint32(0, true) !== 0x31435041) return;
    const n = head.getInt32(4, true);
    if (!points) {
      points = new THREE.Points(new THREE.BufferGeometry(), new THREE.PointsMaterial({ size: 0.006, vertexColors: true }));
      points.name = name;
      points.frustumCulled = false;
      this.clouds.add(points);
    }
    points.geometry.dispose();
    points.geometry = new THREE.BufferGeometry();
    points.geometry.setAttribute('position', new THREE.BufferAttribute(new Float32Array(buffer, 8, 3 * n), 3));
    const srgb = new Uint8Array(buffer, 8 + 12 * n, 3 * n);
    points.geometry.setAttribute('color', new THREE.BufferAttribute(Float32Array.from(srgb, (c) => LINEAR[c]), 3));
    this.dirty = true;
  }

  show(bodies, clouds) {
    this.bodies.visible = bodies;
    this.clouds.visible = clouds;
    this.dirty = true;
  }

  #draw() {
    this.dirty = false;
    const { clientWidth: w, clientHeight: h } = this.canvas;
    if (!w || !h) return;
    const size = this.renderer.getSize(new THREE.Vector2());
    if (size.x !== w || size.y !== h) this.renderer.setSize(w, h, false);
    this.camera.aspect = w / h;
    this.camera.updateProjectionMatrix();
    const c = Math.cos(this.elevation);
    this.camera.position.set(Math.cos(this.azimuth) * c, Math.sin(this.azimuth) * c, Math.sin(this.elevation))
      .multiplyScalar(this.distance).add(this.target);
    this.camera.lookAt(this.target);
    this.renderer.render(this.world, this.camera);
  }

  /** Drag turns, right drag or shift moves, wheel zooms. */
  #orbit() {
    const canvas = this.canvas;
    canvas.addEventListener('contextmenu', (e) => e.preventDefault());
    canvas.addEventListener('pointerdown', (e) => canvas.setPointerCapture(e.pointerId));
    canvas.addEventListener('pointermove', (e) => {
      if (!e.buttons) return;
      if (e.buttons & 2 || e.shiftKey) {
        const k = this.distance / canvas.clientHeight;
        const right = new THREE.Vector3().setFromMatrixColumn(this.camera.matrix, 0);
        const up = new THREE.Vector3().setFromMatrixColumn(this.camera.matrix, 1);
        this.target.addScaledVector(right, -e.movementX * k).addScaledVector(up, e.movementY * k);
      } else {
        this.azimuth -= e.movementX * 0.006;
        this.elevation = Math.max(-0.2, Math.min(1.55, this.elevation + e.movementY * 0.006));
      }
      this.dirty = true;
    });
    const keys = {
      ArrowLeft: () => { this.azimuth -= 0.1; }, ArrowRight: () => { this.azimuth += 0.1; },
      ArrowUp: () => { this.elevation = Math.min(1.55, this.elevation + 0.1); }, ArrowDown: () => { this.elevation = Math.max(-0.2, this.elevation - 0.1); },
      '+': () => { this.distance = Math.max(0.15, this.distance / 1.15); }, '-': () => { this.distance = Math.min(12, this.distance * 1.15); },
    };
    canvas.addEventListener('keydown', (e) => {
      if (!keys[e.key]) return;
      e.preventDefault();
      keys[e.key]();
      this.dirty = true;
    });
    canvas.addEventListener('wheel', (e) => {
      e.preventDefault();
      this.distance = Math.max(0.15, Math.min(12, this.distance * Math.exp(e.deltaY * 0.001)));
      this.dirty = true;
    }, { passive: false });
  }
}

const LINEAR = Array.from({ length: 256 }, (_, i) => { const c = i / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });

/** Half extents for a box; radius and half length along z for the round ones. */
function geometry({ shape, size: [a, b = a, c = a] }) {
  switch (shape) {
    case 'box': return new THREE.BoxGeometry(2 * a, 2 * b, 2 * c);
    case 'sphere': return new THREE.SphereGeometry(a, 32, 20);
    case 'cylinder': return new THREE.CylinderGeometry(a, a, 2 * b, 40).rotateX(Math.PI / 2);
    case 'capsule': return new THREE.CapsuleGeometry(a, 2 * b, 8, 24).rotateX(Math.PI / 2);
    case 'bowl': {
      const wall = Math.min(0.006, a / 8);
      const profile = [[0, -b], [a * 0.72, -b], [a, b], [a - wall, b], [a * 0.72 - wall, -b + wall], [0, -b + wall]];
      return new THREE.LatheGeometry(profile.map(([x, y]) => new THREE.Vector2(x, y)), 48).rotateX(Math.PI / 2);
    }
    default: return new THREE.SphereGeometry(a, 16, 12);
  }
}
