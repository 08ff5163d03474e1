//! Wrapping of text without changing its meaning in Markdown.

/// The maximum width of a line: 100 columns without the indentation of a method and `/// `.
const WIDTH: usize = 92;

/// The fence of a code block (CommonMark 0.31, section 4.5).
pub(super) struct Fence {
    pub(super) marks: String,
}

impl Fence {
    pub(super) fn opening(line: &str) -> Option<Self> {
        let line = line.trim_start();
        let mark = line
            .chars()
            .next()
            .filter(|mark| ['`', '~'].contains(mark))?;
        let marks: String = line.chars().take_while(|c| *c == mark).collect();
        // More backticks in the line make it a code span, which is how dropshot returns code blocks.
        let is_inline = mark == '`' && line[marks.len()..].contains('`');
        (marks.len() >= 3 && !is_inline).then_some(Self { marks })
    }

    pub(super) fn is_closed_by(&self, line: &str) -> bool {
        let line = line.trim();
        line.starts_with(&self.marks) && line.trim_start_matches(&self.marks[..1]).is_empty()
    }
}

#[derive(Default)]
pub(super) struct Wrapping {
    pub(super) lines: Vec<String>,
    /// The indentation of the current list item; 0 outside of lists.
    indent: usize,
}

impl Wrapping {
    pub(super) fn ends_in_hyphen(&self) -> bool {
        self.lines.last().is_some_and(|line| line.ends_with('-'))
    }

    pub(super) fn blank(&mut self) {
        if self.lines.last().is_some_and(|line| !line.is_empty()) {
            self.lines.push(String::new());
        }
    }

    pub(super) fn whole(&mut self, source: &str) {
        let words = words(source).join(" ");
        // dropshot would omit the space before this line.
        match self.lines.last_mut().filter(|line| line.ends_with('-')) {
            Some(line) => *line = format!("{line} {words}"),
            None => self.lines.push(words),
        }
    }

    pub(super) fn line(&mut self, source: &str) {
        let own = source.len() - source.trim_start().len();
        let after_blank = self.lines.last().is_none_or(String::is_empty);
        if own == 0 && after_blank {
            self.indent = 0;
        }
        let words = words(source);
        if words[0].starts_with("```") {
            // A code span that continues on another line would become a block.
            return self.whole(source);
        }
        // More indentation would make it a code block.
        let own = own.min(self.indent);
        let start = if starts_item(&words[0]) && words.len() > 1 {
            self.indent = own + words[0].chars().count() + 1;
            own
        } else {
            self.indent
        };
        let mut line = match self.ends_in_hyphen() {
            true => self.lines.pop().unwrap_or_default(),
            false => " ".repeat(start),
        };
        for word in words {
            let width = line.chars().count() + 1 + word.chars().count();
            let breaks = width > WIDTH && !line.ends_with('-') && !starts_block(&word);
            let is_empty = line.trim().is_empty();
            if breaks && !is_empty {
                self.lines.push(line);
                line = format!("{}{word}", " ".repeat(self.indent));
            } else {
                if !is_empty {
                    line.push(' ');
                }
                line.push_str(&word);
            }
        }
        self.lines.push(line);
    }
}

fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut spaces = 0;
    for word in text.trim().split(char::is_whitespace) {
        match words.last_mut() {
            _ if word.is_empty() => spaces += 1,
            Some(last) if spaces > 0 => {
                last.push_str(&" ".repeat(spaces + 1));
                last.push_str(word);
                spaces = 0;
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

fn starts_item(word: &str) -> bool {
    let number = word.strip_suffix(['.', ')']);
    let numbered = number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    ["-", "*", "+"].contains(&word) || numbered
}

/// Returns whether Markdown reads a word at the start of a line as syntax.
fn starts_block(word: &str) -> bool {
    starts_item(word)
        || word.starts_with(['#', '>', '|', '='])
        || ["---", "```", "~~~"]
            .iter()
            .any(|marks| word.starts_with(marks))
}
