import { download } from "../download.js";
import { facts } from "../facts.js";
import { type Hideable, hideable, shownCase, type TeachState } from "../model/state.js";
import { hrefOf, show } from "../navigation.js";
import type { Prepared } from "../teach.worker.js";
import { fill, words } from "../text.js";
import { worksheet } from "../worksheet.js";

/** Notes to a step, what to hide from a class, and what to hand out. */
export function Teacher({ state, all }: { readonly state: TeachState; readonly all: Prepared | undefined }) {
  const toggle = (name: Hideable) =>
    show(
      {
        ...state,
        hidden: state.hidden.includes(name)
          ? state.hidden.filter((one) => one !== name)
          : [...state.hidden, name],
      },
      { replace: true },
    );
  const lesson = hrefOf({ ...state, teacher: false }, state.place);
  return (
    <section class="teach-teacher" aria-label={words.room.teachers}>
      <h2>{words.room.teachers}</h2>
      {!state.hidden.includes("notes") && (
        <ul>
          {words.steps[state.place.step].notes.map((note) => (
            <li key={note}>{fill(note, facts(shownCase(state)))}</li>
          ))}
        </ul>
      )}
      <fieldset class="teach-hide">
        <legend>{words.room.hide}</legend>
        {hideable.map((name) => (
          <label key={name}>
            <input type="checkbox" checked={state.hidden.includes(name)} onChange={() => toggle(name)} />{" "}
            {words.room.hideable[name]}
          </label>
        ))}
      </fieldset>
      <div class="teach-row">
        <a class="teach-button" href={lesson}>
          {words.room.lesson}
        </a>
        <a class="teach-button" href={hrefOf({ ...state, teacher: false, embedded: true }, state.place)}>
          {words.room.embed}
        </a>
        <button
          type="button"
          disabled={all === undefined}
          onClick={() => all !== undefined && download(words.worksheet.file, worksheet(all), "text/markdown")}
        >
          {words.room.worksheet}
        </button>
      </div>
    </section>
  );
}
