import "@fontsource-variable/source-sans-3/wght.css";
import "@fontsource-variable/source-serif-4/opsz.css";
import "./style/tokens.css";
import "./style/base.css";
import { render } from "preact";
import { App } from "./shell/app.js";

render(<App />, document.getElementById("page") as HTMLElement);
