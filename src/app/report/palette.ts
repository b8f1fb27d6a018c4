/** Colours that the report and the page share, by name: of paper and ink, of series, of densities. */
export const lightPalette = `
  color-scheme: light;
  --paper: #fcfbf8; --ink: #22262b; --quiet: #646a72; --rule: #dedbd3; --panel: #f3f1eb;
  --mark: #b0432c; --good: #2f7a4d; --other: #b3b1aa;
  --series-0: #2f6299; --series-1: #c4652b; --series-2: #3b8a63; --series-3: #8a5aa8; --series-4: #a5801a;
  --series-5: #27889a; --series-6: #b8466f; --series-7: #7b6a58; --series-8: #5f6fd0; --series-9: #7d9140;
  --heat-0: #f3f1eb; --heat-1: #e3e9ec; --heat-2: #cbdae5; --heat-3: #abc6dc; --heat-4: #84abcd;
  --heat-5: #5b8dba; --heat-6: #386da0; --heat-7: #1f4d7e; --heat-8: #0c2c52;`;

export const darkPalette = `
  color-scheme: dark;
  --paper: #15181c; --ink: #e4e2dc; --quiet: #9aa0a8; --rule: #32373e; --panel: #1d2126;
  --mark: #ef8a72; --good: #7cc79a; --other: #5b6067;
  --series-0: #7db0e8; --series-1: #f0a06a; --series-2: #7fcba2; --series-3: #c59ae0; --series-4: #dfc066;
  --series-5: #6fcbdb; --series-6: #f08fb2; --series-7: #bfa98f; --series-8: #a3aff5; --series-9: #b9cd74;
  --heat-0: #1d2126; --heat-1: #22303e; --heat-2: #244059; --heat-3: #275475; --heat-4: #326c94;
  --heat-5: #4a8ab2; --heat-6: #73accc; --heat-7: #a7cee2; --heat-8: #e3f1f6;`;
