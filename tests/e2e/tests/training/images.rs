//! What a visitor gives the panel to learn: archives, files and folders.

use anyhow::{Result, ensure};
use e2e::{browser::with_browser, server::Server};

use crate::common::dist;
use crate::{asks_before_leaving, do_in_page, give_archive, open_panel, wait_for_images};

/// Whatever is wrong with an archive, the panel says it in plain words, and takes what it can read. If
/// all images are removed, so are those that are still being read.
#[tokio::test]
async fn damaged_archives_are_refused_in_plain_words() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        let page = open_panel(browser, &server).await?;
        let none = "(it is not a .zip archive, or was cut short).";
        for (damage, said) in [
            ("empty", none),
            ("text", none),
            ("no-entries", "(it is empty)."),
            ("cut", none),
            ("directory-beyond-end", "(it is damaged)."),
            ("name-beyond-directory", "(it is damaged)."),
        ] {
            give_archive(browser, 2, damage).await?;
            wait_for_images(&page, &format!("Left out: {damage}.zip {said}")).await?;
        }
        for (damage, file) in
            [("file-beyond-end", "0.png"), ("contents-beyond-end", "0.png"), ("contents", "1.png")]
        {
            give_archive(browser, 2, damage).await?;
            let left_out =
                format!("Left out: {file} (it is damaged), notes.txt (it is not an image).");
            wait_for_images(&page, &left_out).await?;
            let status = page.text("#train-images-status").await?;
            ensure!(status.starts_with("1 image, "), "{damage}: it says {status}");
            page.click(".train-under .link").await?;
            wait_for_images(&page, "Fifty are a good start").await?;
        }
        give_archive(browser, 2, "").await?;
        wait_for_images(&page, "2 images, ").await?;
        let hold = "const { createImageBitmap } = window; \
                    const late = new Promise((resolve) => (window.decode = resolve)); \
                    window.createImageBitmap = async (...image) => { \
                      await late; return createImageBitmap(...image) }";
        browser.client.execute(hold, vec![]).await?;
        give_archive(browser, 3, "").await?;
        page.click(".train-under .link").await?;
        browser.client.execute("window.decode()", vec![]).await?;
        wait_for_images(&page, "Fifty are a good start").await?;
        give_archive(browser, 1, "").await?;
        wait_for_images(&page, "1 image, ").await?;
        let errors = browser.console_errors().await?;
        ensure!(errors.is_empty(), "the console says {errors:#?}");
        Ok(())
    })
    .await
}

/// How many archives are damaged at random.
const DAMAGES: u32 = 100;

/// Whatever has become of an archive, the panel says what it has taken of it.
#[tokio::test]
async fn archives_damaged_at_random_are_read_or_refused() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        let page = open_panel(browser, &server).await?;
        for seed in 0..DAMAGES {
            let empty = "document.getElementById('train-images-status').textContent = ''";
            browser.client.execute(empty, vec![]).await?;
            give_archive(browser, 2, &format!("random:{seed}")).await?;
            let told = async || Ok(!page.text("#train-images-status").await?.is_empty());
            page.wait_until(&format!("the panel has read archive {seed}"), told).await?;
            let status = page.text("#train-images-status").await?;
            let says = status.contains(" image") || status.contains("Left out: ");
            ensure!(says, "archive {seed}: it says {status}");
        }
        let errors = browser.console_errors().await?;
        ensure!(errors.is_empty(), "the console says {errors:#?}");
        Ok(())
    })
    .await
}

/// Folders may have folders in them, and what systems put there is passed over.
#[tokio::test]
async fn folders_and_files_can_be_dropped() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        let page = open_panel(browser, &server).await?;
        ensure!(!asks_before_leaving(browser).await?, "there is nothing to lose, and it asks");
        do_in_page(browser, include_str!("../training-drop.js"), vec!["folder".into()]).await?;
        wait_for_images(
            &page,
            "3 images, 28 × 28, gray. Left out: notes.txt (it is not an image).",
        )
        .await?;
        do_in_page(browser, include_str!("../training-drop.js"), vec!["file".into()]).await?;
        wait_for_images(&page, "4 images, 28 × 28, gray.").await?;
        ensure!(asks_before_leaving(browser).await?, "these images would be lost");
        page.click(".train-under .link").await?;
        wait_for_images(&page, "Fifty are a good start").await?;
        ensure!(!asks_before_leaving(browser).await?, "all are removed, and it asks");
        Ok(())
    })
    .await
}
